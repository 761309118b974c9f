//! The server's one clockwork: four times a second it looks who has taken too long, or is silent.

use crate::server::connection::timed_out;
use crate::server::peer::{Ending, Peer};
use crate::server::state::State;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(250);

/// Looks until the server is gone.
pub async fn run(state: Weak<State>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(state) = state.upgrade() else {
            return;
        };
        tick(&state);
    }
}

fn tick(state: &State) {
    // Who waits for the log looks at its own deadlines.
    if !state.sync_waiters.is_empty() {
        state.sync_waiters.wake();
    }
    let handshakes = state.peers.handshakes.load(Ordering::Relaxed) > 0;
    let working = state.metrics.requests_queued.get() + state.metrics.requests_working.get() > 0;
    let holding = state.in_flight_bytes.load(Ordering::Relaxed) > 0;
    if !handshakes && !working && !holding && state.may_answer() {
        return;
    }
    let now_micros = state.clock.monotonic_micros();
    let mut suspects: Vec<Arc<Peer>> = Vec::new();
    state.peers.for_each(|peer| {
        let silent = peer.large_input_since_micros.load(Ordering::Relaxed) > 0
            || peer.unread_since_micros.load(Ordering::Relaxed) > 0;
        if !peer.ready.load(Ordering::Relaxed) || silent || peer.is_working() {
            suspects.push(Arc::clone(peer));
        }
    });
    for peer in suspects {
        check(state, &peer, now_micros);
    }
}

fn check(state: &State, peer: &Peer, now_micros: i64) {
    let age = Duration::from_micros(u64::try_from(now_micros - peer.opened_at_micros).unwrap_or(0));
    if !peer.ready.load(Ordering::SeqCst) && age > state.options.handshake_timeout {
        tracing::info!("{}: took too long to start", peer.address);
        peer.end(Ending::Now);
        return;
    }
    // What it has sent of the message is held for it, and kept from others.
    let since_micros = peer.large_input_since_micros.load(Ordering::Relaxed);
    let silence = Duration::from_micros(u64::try_from(now_micros - since_micros).unwrap_or(0));
    if since_micros > 0 && silence > state.options.silence_timeout {
        tracing::info!("{}: was silent within a message", peer.address);
        peer.end(Ending::Now);
        return;
    }
    // Unread answers stay as long as they are in nobody's way.
    let since_micros = peer.unread_since_micros.load(Ordering::Relaxed);
    let unread = Duration::from_micros(u64::try_from(now_micros - since_micros).unwrap_or(0));
    if since_micros > 0 && unread > state.options.silence_timeout && !state.may_answer() {
        tracing::info!("{}: does not read while others need the room", peer.address);
        peer.end(Ending::Now);
        return;
    }
    let version = peer.version();
    for task in peer.tasks() {
        if task.deadline_micros.load(Ordering::Relaxed) < now_micros && task.claim() {
            task.interrupt.store(true, Ordering::SeqCst);
            state.metrics.timeouts.increment();
            peer.post(timed_out(&task, version), &state.unsent_bytes);
        }
    }
}
