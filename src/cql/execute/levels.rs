//! Consistency levels. One node alone reaches each of them; what is checked is whether a level
//! makes sense for what is done, in Cassandra's words.

use crate::cql::execute::Execution;
use crate::cql::plan::WritePlan;
use crate::error::{Error, Result};
use crate::protocol::Consistency;
use crate::storage::Engine;

fn is_serial(level: Consistency) -> bool {
    matches!(level, Consistency::Serial | Consistency::LocalSerial)
}

/// Refuses a level that no SELECT can have.
pub fn check_read(execution: &Execution) -> Result<()> {
    if execution.consistency == Some(Consistency::Any) {
        return Err(Error::invalid(
            "ANY ConsistencyLevel is only supported for writes",
        ));
    }
    Ok(())
}

/// Refuses a level that no INSERT, UPDATE or DELETE without a condition can have. (A batch can.)
pub fn check_write(plan: &WritePlan, execution: &Execution) -> Result<()> {
    let Some(level) = execution.consistency else {
        return Ok(());
    };
    if level != Consistency::Any && !is_serial(level) {
        return Ok(());
    }
    if !plan.table.is_counter() {
        return match is_serial(level) {
            true => Err(Error::invalid(
                "You must use conditional updates for serializable writes",
            )),
            false => Ok(()),
        };
    }
    Err(Error::invalid(match is_serial(level) {
        true => "Counter operations are inherently non-serializable".to_owned(),
        false => format!(
            "Consistency level ANY is not yet supported for counter table {}",
            plan.table.name
        ),
    }))
}

/// Refuses levels that no conditional write to a table of `keyspace` can have.
pub fn check_conditional(engine: &Engine, keyspace: &str, execution: &Execution) -> Result<()> {
    if execution
        .serial_consistency
        .is_some_and(|it| !is_serial(it))
    {
        return Err(Error::invalid(
            "Invalid consistency for conditional update. Must be one of SERIAL or LOCAL_SERIAL",
        ));
    }
    let Some(level) = execution.consistency else {
        return Ok(());
    };
    if is_serial(level) {
        return Err(Error::invalid(format!(
            "{level} is not supported as conditional update commit consistency. Use ANY if you \
             mean \"make sure it is accepted but I don't care how many replicas commit it for \
             non-SERIAL reads\""
        )));
    }
    if level == Consistency::EachQuorum {
        let catalog = engine.catalog();
        let class = catalog
            .keyspaces
            .get(keyspace)
            .and_then(|keyspace| keyspace.replication.get("class"));
        if let Some(class) = class
            && !class.ends_with("NetworkTopologyStrategy")
        {
            let full = match class.contains('.') {
                true => class.clone(),
                false => format!("org.apache.cassandra.locator.{class}"),
            };
            return Err(Error::invalid(format!(
                "consistency level {level} not compatible with replication strategy ({full})"
            )));
        }
    }
    Ok(())
}
