//! The connections that are open, and what others may do with one.
//!
//! A connection is one task that owns its socket and its buffers. Others have of it a [`Peer`]:
//! they put messages into its mailbox (answers of worker threads, events, the wish that it ends)
//! and wake it. All open ones stand in [`Peers`], which also bounds their number.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::protocol::Version;
use crate::server::failure::Asked;
use crate::server::reply::Reply;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use tokio::sync::Notify;

/// What is known of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerFacts {
    /// The protocol's version; 0 until it is known.
    pub protocol_version: u8,
    /// The keyspace of unqualified names.
    pub keyspace: Option<Arc<str>>,
    /// The user who logged in.
    pub user: Option<String>,
    /// What the client said of itself when it started: its STARTUP options.
    pub options: Vec<(String, String)>,
}

impl PeerFacts {
    /// A STARTUP option.
    pub fn option(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How a connection shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Open,
    /// It reads nothing more, answers what it accepted, and ends.
    Graceful,
    /// At once.
    Now,
}

/// A request that a worker thread has, or shall have.
#[derive(Debug)]
pub struct Task {
    /// Its number; never used again.
    pub id: u64,
    /// Which of the connection's requests it is.
    pub stream: i16,
    /// What it is about.
    pub asked: Asked,
    /// Stops its execution when set.
    pub interrupt: Arc<AtomicBool>,
    /// Whether it has its answer; who sets this gives it.
    pub answered: AtomicBool,
    /// When it has taken too long, in microseconds of the monotonic clock.
    pub deadline_micros: AtomicI64,
    /// When it came, in microseconds of the monotonic clock.
    pub started_at_micros: i64,
    /// Its bytes.
    pub bytes: usize,
}

impl Task {
    /// Whether the caller is the one who answers.
    pub fn claim(&self) -> bool {
        !self.answered.swap(true, Ordering::SeqCst)
    }

    /// Whether it is answered, or nobody wants the answer.
    pub fn is_over(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }
}

/// What others have for a connection.
#[derive(Debug, Default)]
pub struct Mail {
    /// Answers of worker threads.
    pub replies: Vec<Reply>,
    /// Bodies of events.
    pub events: Vec<Bytes>,
}

#[derive(Debug, Default)]
struct Mailbox {
    mail: Mail,
    /// Whether somebody rang.
    rung: bool,
    /// Whether nobody will look any more.
    closed: bool,
    waker: Option<Waker>,
    tasks: HashMap<u64, Arc<Task>>,
}

/// An open connection, as others see it.
#[derive(Debug)]
pub struct Peer {
    /// Its number; never used again.
    pub id: u64,
    /// The client's address.
    pub address: SocketAddr,
    /// The server's address that the client connected to.
    pub local_address: SocketAddr,
    /// When it was opened, in microseconds of the monotonic clock.
    pub opened_at_micros: i64,
    /// Its requests so far.
    pub requests: AtomicU64,
    /// Whether it has started (and logged in, where that is asked for).
    pub ready: AtomicBool,
    /// The kinds of events that it wants: a bit each.
    pub events: AtomicU8,
    /// When something of a large message came last that is not whole yet, in microseconds of the
    /// monotonic clock; 0 where there is none.
    pub large_input_since_micros: AtomicI64,
    /// Since when it has read nothing of a large answer, in microseconds of the monotonic clock; 0
    /// where it has.
    pub unread_since_micros: AtomicI64,
    ending: AtomicU8,
    facts: Mutex<PeerFacts>,
    mailbox: Mutex<Mailbox>,
    /// Whether it stands in the list of those who wait for the commit log.
    pub awaits_sync: AtomicBool,
}

impl Peer {
    /// Puts a worker's answer into the mailbox, and adds its bytes to `unsent_bytes`, unless the
    /// client has gone.
    pub fn post(&self, reply: Reply, unsent_bytes: &AtomicUsize) {
        self.ring_with(|mailbox| {
            if !mailbox.closed {
                unsent_bytes.fetch_add(reply.body.len(), Ordering::Relaxed);
                mailbox.mail.replies.push(reply);
            }
        });
    }

    /// Takes nothing more; what was not taken out yet comes back, with the tasks at work.
    pub fn close_mailbox(&self) -> (Mail, Vec<Arc<Task>>) {
        let mut mailbox = self.lock_mailbox();
        mailbox.closed = true;
        mailbox.waker = None;
        let tasks = mailbox.tasks.values().cloned().collect();
        (std::mem::take(&mut mailbox.mail), tasks)
    }

    /// Puts an event into the mailbox. Who does not read them is not told any more.
    pub fn post_event(&self, body: Bytes) {
        let mut too_many = false;
        self.ring_with(|mailbox| {
            too_many = mailbox.mail.events.len() >= limits::QUEUED_EVENTS_MAX;
            if !too_many && !mailbox.closed {
                mailbox.mail.events.push(body);
            }
        });
        if too_many {
            self.end(Ending::Now);
        }
    }

    /// Wakes the connection's task.
    pub fn ring(&self) {
        self.ring_with(|_| {});
    }

    fn ring_with(&self, change: impl FnOnce(&mut Mailbox)) {
        let mut mailbox = self.lock_mailbox();
        change(&mut mailbox);
        mailbox.rung = true;
        let waker = mailbox.waker.take();
        drop(mailbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Empties the mailbox. If nobody has rung since the last time, the task is woken when
    /// somebody does, and there is no answer.
    pub fn take_mail(&self, context: &Context<'_>) -> Option<Mail> {
        let mut mailbox = self.lock_mailbox();
        if mailbox.rung {
            mailbox.rung = false;
            return Some(std::mem::take(&mut mailbox.mail));
        }
        match &mut mailbox.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            waker => *waker = Some(context.waker().clone()),
        }
        None
    }

    /// Notes a request that a worker thread shall have.
    pub fn begin(&self, task: &Arc<Task>) {
        self.lock_mailbox().tasks.insert(task.id, Arc::clone(task));
    }

    /// Strikes out a request that no worker thread has any more.
    pub fn finish(&self, task: &Task) {
        let mut mailbox = self.lock_mailbox();
        mailbox.tasks.remove(&task.id);
        if mailbox.tasks.is_empty() {
            mailbox.tasks = HashMap::new();
        }
    }

    /// The version of the protocol that the client speaks.
    pub fn version(&self) -> Version {
        Version::from_number(self.lock_facts().protocol_version).unwrap_or(Version::NEWEST)
    }

    /// Whether worker threads have a request of it.
    pub fn is_working(&self) -> bool {
        !self.lock_mailbox().tasks.is_empty()
    }

    /// The requests that worker threads have or shall have.
    pub fn tasks(&self) -> Vec<Arc<Task>> {
        self.lock_mailbox().tasks.values().cloned().collect()
    }

    fn lock_mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the client.
    pub fn facts(&self) -> PeerFacts {
        self.lock_facts().clone()
    }

    /// Changes what is known of the client.
    pub fn update_facts(&self, change: impl FnOnce(&mut PeerFacts)) {
        change(&mut self.lock_facts());
    }

    fn lock_facts(&self) -> MutexGuard<'_, PeerFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the connection to end.
    pub fn end(&self, how: Ending) {
        self.ending.fetch_max(how as u8, Ordering::SeqCst);
        self.ring();
    }

    /// Whether and how it shall end.
    pub fn ending(&self) -> Ending {
        match self.ending.load(Ordering::SeqCst) {
            0 => Ending::Open,
            1 => Ending::Graceful,
            _ => Ending::Now,
        }
    }
}

#[derive(Debug, Default)]
struct Open {
    peers: HashMap<u64, Arc<Peer>>,
    per_address: HashMap<IpAddr, usize>,
    next_id: u64,
}

/// The open connections.
#[derive(Debug)]
pub struct Peers {
    open: Mutex<Open>,
    max: usize,
    per_address_max: usize,
    /// How many have not started yet.
    pub handshakes: AtomicUsize,
    /// Rung when one is closed.
    pub closed: Notify,
}

impl Peers {
    /// At most `max` connections, and of one address at most `per_address_max`.
    pub fn new(max: usize, per_address_max: usize) -> Self {
        Self {
            open: Mutex::default(),
            max,
            per_address_max,
            handshakes: AtomicUsize::new(0),
            closed: Notify::new(),
        }
    }

    /// Takes in a connection, unless there are too many.
    pub fn admit(
        &self,
        address: SocketAddr,
        local_address: SocketAddr,
        now_micros: i64,
    ) -> Result<Arc<Peer>> {
        let mut open = self.lock();
        let own = open.per_address.get(&address.ip()).copied().unwrap_or(0);
        if open.peers.len() >= self.max || own >= self.per_address_max {
            let held = match open.peers.len() >= self.max {
                true => format!("{} connections are open already", self.max),
                false => format!("{own} connections are open already from {}", address.ip()),
            };
            return Err(Error::new(ErrorKind::Overloaded, held));
        }
        let id = open.next_id;
        open.next_id += 1;
        let peer = Arc::new(Peer {
            id,
            address,
            local_address,
            opened_at_micros: now_micros,
            requests: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            events: AtomicU8::new(0),
            large_input_since_micros: AtomicI64::new(0),
            unread_since_micros: AtomicI64::new(0),
            ending: AtomicU8::new(0),
            facts: Mutex::default(),
            mailbox: Mutex::default(),
            awaits_sync: AtomicBool::new(false),
        });
        open.peers.insert(id, Arc::clone(&peer));
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        *open.per_address.entry(address.ip()).or_default() += 1;
        Ok(peer)
    }

    /// Strikes out a connection that has ended.
    pub fn leave(&self, peer: &Peer) {
        let mut open = self.lock();
        if open.peers.remove(&peer.id).is_some()
            && let Some(count) = open.per_address.get_mut(&peer.address.ip())
        {
            *count -= 1;
            if *count == 0 {
                open.per_address.remove(&peer.address.ip());
            }
        }
        drop(open);
        self.closed.notify_waiters();
    }

    /// The open connections, in the order in which they were opened.
    pub fn all(&self) -> Vec<Arc<Peer>> {
        let mut all: Vec<_> = self.lock().peers.values().cloned().collect();
        all.sort_by_key(|peer| peer.id);
        all
    }

    /// Looks at each open connection, in no order.
    pub fn for_each(&self, mut look: impl FnMut(&Arc<Peer>)) {
        self.lock().peers.values().for_each(&mut look);
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.lock().peers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
