//! A server of its own for a test: the built binary, on a free port, over a directory.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `helenus serve`; killed when dropped.
pub struct Served {
    child: Child,
    /// Where it speaks CQL.
    pub address: SocketAddr,
}

impl Served {
    /// Starts a server over `directory` with the settings in `config`, and waits until it is
    /// ready.
    pub fn start(directory: &Path, config: &str) -> Self {
        let file = directory.join("helenus.toml");
        #[expect(clippy::disallowed_methods, reason = "the test's own directory")]
        std::fs::create_dir_all(directory).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test's own file")]
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_helenus"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--http-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(directory.join("data"))
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        let address = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("the server is ready: {seen:?}"))
                .unwrap();
            if let Some((_, rest)) = line.split_once("ready: CQL ") {
                let end = rest.find(',').unwrap_or(rest.len());
                break rest[..end].trim().parse().unwrap();
            }
            seen.push(line);
        };
        // What it tells later must go somewhere, or it would stall.
        #[expect(clippy::disallowed_methods, reason = "reads the server's log beside")]
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
