//! Events: what clients are told unasked.

use crate::protocol::Opcode;
use crate::protocol::response::{Event, StatusChange, event};
use crate::server::metrics::Metrics;
use crate::server::peer::{Peer, Peers};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The opcode of events.
pub const OPCODE: Opcode = Opcode::Event;
/// The stream of events: they answer nothing.
pub const STREAM: i16 = -1;

/// The bit of a kind of events; none for a kind that nobody knows.
pub fn bit(name: &str) -> Option<u8> {
    match name {
        "TOPOLOGY_CHANGE" => Some(1),
        "STATUS_CHANGE" => Some(2),
        "SCHEMA_CHANGE" => Some(4),
        _ => None,
    }
}

/// Tells all who have registered for it; also those who caused it, as Cassandra does.
pub fn broadcast(peers: &Peers, metrics: &Metrics, what: &Event) {
    let bit = bit(what.kind()).unwrap_or(0);
    let mut listeners: Vec<Arc<Peer>> = Vec::new();
    peers.for_each(|peer| {
        if peer.events.load(Ordering::Relaxed) & bit != 0 {
            listeners.push(Arc::clone(peer));
        }
    });
    if listeners.is_empty() {
        return;
    }
    let mut body = BytesMut::new();
    event(&mut body, what);
    let body = body.freeze();
    for peer in listeners {
        peer.post_event(Bytes::clone(&body));
        metrics.events.increment();
    }
}

/// The event that this node answers, or does not any more.
pub fn status(change: StatusChange, node: SocketAddr) -> Event {
    Event::Status { change, node }
}
