//! Terms and selectors.
//!
//! Both are one grammar here; where a term must stand, a column is refused as it is met. Operators
//! chain to the left, so a chain makes a tree as deep as it is long: its length is bounded.

use crate::cql::ast::{
    ArithmeticOp, CellInfo, Expr, ExprKind, FunctionCall, Literal, Position, QualifiedName,
};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::error::{Error, Result};
use crate::limits::OPERATORS_MAX;

/// What may stand in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allow {
    /// Terms: constants, markers, functions of terms.
    Terms,
    /// Columns and what is made of them, too.
    Columns,
}

/// Whether it is a column, or an element, a slice or a field of one.
fn is_part_of_column(of: &Expr) -> bool {
    match &of.kind {
        ExprKind::Column(_) => true,
        ExprKind::Element(of, _) | ExprKind::Slice(of, ..) | ExprKind::Field(of, _) => {
            is_part_of_column(of)
        }
        _ => false,
    }
}

fn expr(kind: ExprKind, position: Position) -> Expr {
    Expr { kind, position }
}

impl Parser<'_> {
    /// A term.
    pub(super) fn term(&mut self) -> Result<Expr> {
        self.expression(Allow::Terms)
    }

    /// A term or, where `allow` says so, a selector.
    pub(super) fn expression(&mut self, allow: Allow) -> Result<Expr> {
        if self.depth == 0 {
            self.operators = 0;
        }
        self.nested(|parser| parser.sum(allow))
    }

    fn sum(&mut self, allow: Allow) -> Result<Expr> {
        let mut left = self.product(allow)?;
        loop {
            let op = match self.token.kind {
                TokenKind::Symbol(Symbol::Plus) => ArithmeticOp::Add,
                TokenKind::Symbol(Symbol::Minus) => ArithmeticOp::Subtract,
                _ => return Ok(left),
            };
            // `SET l = [1] + l`: the assignment wants to see this column itself.
            if allow == Allow::Terms && self.column_follows()? {
                return Ok(left);
            }
            left = self.operation(op, left, |parser| parser.product(allow))?;
        }
    }

    fn product(&mut self, allow: Allow) -> Result<Expr> {
        let mut left = self.signed(allow)?;
        loop {
            let op = match self.token.kind {
                TokenKind::Symbol(Symbol::Star) => ArithmeticOp::Multiply,
                TokenKind::Symbol(Symbol::Slash) => ArithmeticOp::Divide,
                TokenKind::Symbol(Symbol::Percent) => ArithmeticOp::Modulo,
                _ => return Ok(left),
            };
            left = self.operation(op, left, |parser| parser.signed(allow))?;
        }
    }

    fn operation(
        &mut self,
        op: ArithmeticOp,
        left: Expr,
        right: impl FnOnce(&mut Self) -> Result<Expr>,
    ) -> Result<Expr> {
        self.count_operator()?;
        self.advance()?;
        let right = right(self)?;
        let position = left.position;
        Ok(expr(
            ExprKind::Arithmetic(op, Box::new(left), Box::new(right)),
            position,
        ))
    }

    fn count_operator(&mut self) -> Result<()> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(Error::syntax(format!(
                "{} more than {OPERATORS_MAX} operators in one expression, which is the limit",
                self.position()
            )));
        }
        Ok(())
    }

    /// Whether a column follows the current token: a name that is no function's.
    fn column_follows(&self) -> Result<bool> {
        let mut lexer = self.lexer;
        let token = lexer.next()?;
        let after = lexer.next()?;
        Ok(self.is_name(&token)
            && !matches!(
                after.kind,
                TokenKind::Symbol(Symbol::LeftParen | Symbol::Dot)
            ))
    }

    fn signed(&mut self, allow: Allow) -> Result<Expr> {
        let (position, end) = (self.position(), self.token.end);
        if !self.eat_symbol(Symbol::Minus)? {
            return self.postfix(allow);
        }
        let touches = self.token.start == end;
        let number = match self.token.kind {
            _ if !touches => None,
            TokenKind::Integer => Some(Literal::Integer(format!("-{}", self.slice()))),
            TokenKind::Float => Some(Literal::Float(format!("-{}", self.float()?))),
            TokenKind::Duration => Some(Literal::Duration(format!("-{}", self.slice()))),
            TokenKind::Word if self.at("NAN") => Some(Literal::Float("NaN".to_owned())),
            TokenKind::Word if self.at("INFINITY") => Some(Literal::Float("-Infinity".to_owned())),
            _ => None,
        };
        if let Some(number) = number {
            self.advance()?;
            return Ok(expr(ExprKind::Literal(number), position));
        }
        let is_number = touches && self.slice().starts_with(|c: char| c.is_ascii_digit());
        // A term has one sign; a negative number may have one more before it.
        let is_sign = allow == Allow::Terms && self.at_symbol(Symbol::Minus);
        if is_number || is_sign && !self.number_touches() {
            return Err(self.no_viable());
        }
        let inner = self.nested(|parser| parser.signed(allow))?;
        Ok(expr(ExprKind::Negate(Box::new(inner)), position))
    }

    /// A primary with `[key]`, `[from..to]` and `.field` behind it.
    fn postfix(&mut self, allow: Allow) -> Result<Expr> {
        let mut base = self.primary(allow)?;
        if allow == Allow::Terms {
            return Ok(base);
        }
        loop {
            let position = base.position;
            if self.eat_symbol(Symbol::Dot)? {
                self.count_operator()?;
                let field = self.name()?;
                base = expr(ExprKind::Field(Box::new(base), field), position);
            } else if self.eat_symbol(Symbol::LeftBracket)? {
                self.count_operator()?;
                base = self.subscript(base)?;
            } else {
                return Ok(base);
            }
        }
    }

    fn subscript(&mut self, base: Expr) -> Result<Expr> {
        let position = base.position;
        let base = Box::new(base);
        let from = match self.at_symbol(Symbol::Range) {
            true => None,
            false => Some(Box::new(self.term()?)),
        };
        if self.eat_symbol(Symbol::Range)? {
            let to = match self.at_symbol(Symbol::RightBracket) {
                true => None,
                false => Some(Box::new(self.term()?)),
            };
            if from.is_none() && to.is_none() {
                return Err(self.no_viable());
            }
            self.expect_symbol(Symbol::RightBracket)?;
            return Ok(expr(ExprKind::Slice(base, from, to), position));
        }
        self.expect_symbol(Symbol::RightBracket)?;
        match from {
            Some(key) => Ok(expr(ExprKind::Element(base, key), position)),
            None => Err(self.no_viable()),
        }
    }

    fn primary(&mut self, allow: Allow) -> Result<Expr> {
        let position = self.position();
        let kind = match self.token.kind {
            TokenKind::Symbol(Symbol::Question | Symbol::Colon) => return self.marker(),
            TokenKind::Symbol(Symbol::LeftParen) => self.parenthesised(allow)?,
            TokenKind::Symbol(Symbol::LeftBracket) => {
                self.advance()?;
                ExprKind::List(self.items_until(Symbol::RightBracket, allow)?)
            }
            TokenKind::Symbol(Symbol::LeftBrace) => self.braces(allow)?,
            TokenKind::Word => self.word(allow)?,
            TokenKind::QuotedName => self.named(allow)?,
            _ => match self.constant()? {
                Some(literal) => ExprKind::Literal(literal),
                None => return Err(self.no_viable()),
            },
        };
        Ok(expr(kind, position))
    }

    /// A constant, its sign aside, where one stands here.
    pub(super) fn constant(&mut self) -> Result<Option<Literal>> {
        let slice = self.slice();
        let literal = match self.token.kind {
            TokenKind::String | TokenKind::DollarString => {
                return self.string().map(|text| Some(Literal::String(text)));
            }
            TokenKind::Integer => Literal::Integer(slice.to_owned()),
            TokenKind::Float => Literal::Float(self.float()?.to_owned()),
            TokenKind::Duration => Literal::Duration(slice.to_owned()),
            TokenKind::Hex => Literal::Hex(slice.get(2..).unwrap_or_default().to_owned()),
            TokenKind::Uuid => match uuid::Uuid::try_parse(slice) {
                Ok(uuid) => Literal::Uuid(uuid),
                Err(_) => return Ok(None),
            },
            TokenKind::Word if self.at("TRUE") => Literal::Boolean(true),
            TokenKind::Word if self.at("FALSE") => Literal::Boolean(false),
            TokenKind::Word if self.at("NULL") => Literal::Null,
            TokenKind::Word if self.at("NAN") => Literal::Float("NaN".to_owned()),
            TokenKind::Word if self.at("INFINITY") => Literal::Float("Infinity".to_owned()),
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(literal))
    }

    /// The text of a float. No constant is beyond the doubles, not even a decimal.
    fn float(&self) -> Result<&str> {
        let slice = self.slice();
        if !slice.parse::<f64>().is_ok_and(f64::is_infinite) {
            return Ok(slice);
        }
        let position = self.position();
        Err(Error::syntax(format!(
            "Failed parsing statement: [{}] reason: NumberFormatException Character I is neither \
             a decimal digit number, decimal point, nor \"e\" notation exponential mark.",
            super::shorten(self.lexer.text())
        ))
        .at(position.line, position.column))
    }

    pub(super) fn at_marker(&self) -> bool {
        matches!(
            self.token.kind,
            TokenKind::Symbol(Symbol::Question | Symbol::Colon)
        )
    }

    /// `?` or `:name`.
    pub(super) fn marker(&mut self) -> Result<Expr> {
        let position = self.position();
        let name = match self.eat_symbol(Symbol::Question)? {
            true => None,
            false => {
                self.expect_symbol(Symbol::Colon)?;
                Some(self.name()?.text)
            }
        };
        self.markers.push(name);
        Ok(expr(ExprKind::Marker(self.markers.len() - 1), position))
    }

    /// An integer or a marker, as LIMIT and USING want it.
    pub(super) fn integer_or_marker(&mut self) -> Result<Expr> {
        if self.at_marker() {
            return self.marker();
        }
        let position = self.position();
        let sign = self.sign()?;
        if self.token.kind != TokenKind::Integer {
            return Err(self.no_viable());
        }
        let literal = Literal::Integer(format!("{sign}{}", self.slice()));
        self.advance()?;
        Ok(expr(ExprKind::Literal(literal), position))
    }

    fn items_until(&mut self, end: Symbol, allow: Allow) -> Result<Vec<Expr>> {
        let mut items = Vec::new();
        if self.eat_symbol(end)? {
            return Ok(items);
        }
        loop {
            items.push(self.expression(allow)?);
            if !self.eat_symbol(Symbol::Comma)? {
                break;
            }
        }
        self.expect_symbol(end)?;
        Ok(items)
    }

    /// `(type) e`, `(e)` or `(a, b)`.
    fn parenthesised(&mut self, allow: Allow) -> Result<ExprKind> {
        if let Some(hint) = self.type_hint(allow)? {
            return Ok(hint);
        }
        self.expect_symbol(Symbol::LeftParen)?;
        if self.at_symbol(Symbol::RightParen) {
            return Err(self.no_viable());
        }
        let items = self.items_until(Symbol::RightParen, allow)?;
        Ok(ExprKind::Tuple(items))
    }

    /// `(type) e`, if that is what stands here.
    fn type_hint(&mut self, allow: Allow) -> Result<Option<ExprKind>> {
        let place = self.place();
        self.advance()?;
        let may_be_type = matches!(self.token.kind, TokenKind::Word | TokenKind::QuotedName);
        if may_be_type
            && let Ok(ty) = self.type_expr()
            && self.eat_symbol(Symbol::RightParen)?
            && self.term_follows()
        {
            let inner = self.nested(|parser| parser.hinted(allow))?;
            return Ok(Some(ExprKind::TypeHint(ty, Box::new(inner))));
        }
        self.return_to(place);
        Ok(None)
    }

    /// Whether a number follows the current token without a blank.
    fn number_touches(&self) -> bool {
        let mut lexer = self.lexer;
        lexer.next().is_ok_and(|next| {
            next.start == self.token.end
                && matches!(
                    next.kind,
                    TokenKind::Integer | TokenKind::Float | TokenKind::Duration
                )
        })
    }

    /// The sign of a constant: a minus belongs to the number that it touches.
    pub(super) fn sign(&mut self) -> Result<&'static str> {
        match self.at_symbol(Symbol::Minus) && self.number_touches() {
            true => self.advance().map(|_| "-"),
            false => Ok(""),
        }
    }

    /// What stands behind a type hint: nothing with an operator, but a negative number.
    fn hinted(&mut self, allow: Allow) -> Result<Expr> {
        match (allow, self.at_symbol(Symbol::Minus)) {
            (Allow::Columns, false) => self.primary(allow),
            _ => self.signed(allow),
        }
    }

    /// Whether the current token starts a term, rather than going on with an expression.
    fn term_follows(&self) -> bool {
        match self.token.kind {
            // `(a) - 5` is an operation, `(a) -5` is not.
            TokenKind::Symbol(Symbol::Minus) => self.number_touches(),
            TokenKind::Symbol(symbol) => matches!(
                symbol,
                Symbol::Question
                    | Symbol::Colon
                    | Symbol::LeftParen
                    | Symbol::LeftBracket
                    | Symbol::LeftBrace
            ),
            TokenKind::Word => {
                let constants = ["TRUE", "FALSE", "NULL", "NAN", "INFINITY", "TOKEN"];
                constants.iter().any(|word| self.at(word)) || (self.at_name() && !self.at("AS"))
            }
            TokenKind::End => false,
            _ => true,
        }
    }

    /// `{}`, `{a, b}`, `{a: b}` or `{field: a}`.
    fn braces(&mut self, allow: Allow) -> Result<ExprKind> {
        self.expect_symbol(Symbol::LeftBrace)?;
        if self.eat_symbol(Symbol::RightBrace)? {
            return Ok(ExprKind::Set(Vec::new()));
        }
        if self.at_name() && self.peek_symbol(Symbol::Colon)? {
            let fields = self.comma_list(|parser| {
                let field = parser.name()?;
                parser.expect_symbol(Symbol::Colon)?;
                Ok((field, parser.expression(allow)?))
            })?;
            self.expect_symbol(Symbol::RightBrace)?;
            return Ok(ExprKind::Udt(fields));
        }
        let first = self.expression(allow)?;
        if self.eat_symbol(Symbol::Colon)? {
            let mut entries = vec![(first, self.expression(allow)?)];
            while self.eat_symbol(Symbol::Comma)? {
                let key = self.expression(allow)?;
                self.expect_symbol(Symbol::Colon)?;
                entries.push((key, self.expression(allow)?));
            }
            self.expect_symbol(Symbol::RightBrace)?;
            return Ok(ExprKind::Map(entries));
        }
        let mut items = vec![first];
        while self.eat_symbol(Symbol::Comma)? {
            items.push(self.expression(allow)?);
        }
        self.expect_symbol(Symbol::RightBrace)?;
        Ok(ExprKind::Set(items))
    }

    /// What starts with a word: a constant, a special form, a function or a column.
    fn word(&mut self, allow: Allow) -> Result<ExprKind> {
        if !self.at_name() && !self.at("TOKEN") {
            return match self.constant()? {
                Some(literal) => Ok(ExprKind::Literal(literal)),
                None => Err(self.no_viable()),
            };
        }
        let call = self.peek_symbol(Symbol::LeftParen)?;
        if call && self.at("CAST") {
            return self.cast(allow);
        }
        if call && allow == Allow::Columns {
            let special = [
                ("WRITETIME", CellInfo::WriteTime),
                ("MAXWRITETIME", CellInfo::MaxWriteTime),
                ("TTL", CellInfo::Ttl),
            ];
            if let Some((_, info)) = special.iter().find(|(word, _)| self.at(word)) {
                return self.cell_info(*info);
            }
            if self.at("COUNT")
                && let Some(count) = self.count_rows()?
            {
                return Ok(count);
            }
        }
        if self.at("TOKEN") {
            let token = self.advance()?;
            let name = QualifiedName {
                keyspace: None,
                name: super::name_of("token".to_owned(), token.position),
            };
            return self.call(name, allow);
        }
        self.named(allow)
    }

    fn cell_info(&mut self, info: CellInfo) -> Result<ExprKind> {
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        if !self.at_name() && !self.at_symbol(Symbol::Star) {
            return Err(self.no_viable());
        }
        if self.at_name() && self.peek_symbol(Symbol::LeftParen)? {
            self.advance()?;
            return Err(self.no_viable());
        }
        // A column or a part of one: nothing is computed in here.
        let of = self.nested(|parser| parser.postfix(Allow::Columns))?;
        if !is_part_of_column(&of) {
            return Err(self.no_viable());
        }
        self.expect_symbol(Symbol::RightParen)?;
        Ok(ExprKind::CellInfo(info, Box::new(of)))
    }

    fn cast(&mut self, allow: Allow) -> Result<ExprKind> {
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let of = match allow {
            Allow::Columns => self.expression(allow)?,
            Allow::Terms if self.at_symbol(Symbol::Minus) && !self.number_touches() => {
                return Err(self.no_viable());
            }
            Allow::Terms => self.nested(|parser| parser.signed(allow))?,
        };
        self.expect("AS")?;
        let known = crate::types::name::native_type(self.slice()).is_some();
        if self.token.kind != TokenKind::Word || !known {
            return Err(self.no_viable());
        }
        let ty = self.type_expr()?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok(ExprKind::Cast(Box::new(of), ty))
    }

    /// `count(*)` or `count(1)`, if that is what stands here.
    fn count_rows(&mut self) -> Result<Option<ExprKind>> {
        let place = self.place();
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let one = self.token.kind == TokenKind::Integer && self.slice() == "1";
        if one || self.at_symbol(Symbol::Star) {
            self.advance()?;
            if self.eat_symbol(Symbol::RightParen)? {
                return Ok(Some(ExprKind::CountRows));
            }
        }
        self.return_to(place);
        Ok(None)
    }

    /// A function call or a column.
    fn named(&mut self, allow: Allow) -> Result<ExprKind> {
        let place = self.place();
        let first = self.name()?;
        if self.at_symbol(Symbol::LeftParen) {
            let name = QualifiedName {
                keyspace: None,
                name: first,
            };
            return self.call(name, allow);
        }
        if self.at_symbol(Symbol::Dot) {
            self.advance()?;
            if self.at_name() && self.peek_symbol(Symbol::LeftParen)? {
                let name = QualifiedName {
                    keyspace: Some(first),
                    name: self.name()?,
                };
                return self.call(name, allow);
            }
            self.return_to(place);
            if allow == Allow::Columns {
                return Ok(ExprKind::Column(self.name()?));
            }
            self.advance()?;
            return Err(self.no_viable());
        }
        match allow {
            Allow::Columns => Ok(ExprKind::Column(first)),
            Allow::Terms => Err(self.no_viable()),
        }
    }

    fn call(&mut self, name: QualifiedName, allow: Allow) -> Result<ExprKind> {
        self.expect_symbol(Symbol::LeftParen)?;
        let arguments = self.items_until(Symbol::RightParen, allow)?;
        Ok(ExprKind::Function(FunctionCall { name, arguments }))
    }
}
