//! One client's connection.

use crate::server::peer::{Ending, Peer};
use crate::server::state::State;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Serves a client until it goes.
pub async fn serve(stream: TcpStream, peer: Arc<Peer>, state: Arc<State>) {
    while peer.ending() == Ending::Open {
        peer.bell.notified().await;
    }
    drop(stream);
    state.peers.leave(&peer);
}
