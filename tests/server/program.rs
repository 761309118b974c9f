//! The program itself: `helenus serve`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

fn serve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_helenus"));
    command
        .args(["serve", "--ephemeral"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Starts it, and waits for the line that says that it is ready.
fn ready(arguments: &[&str]) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut child = serve(arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    (child, line, lines)
}

/// What it says when it refuses to start, and its exit code.
fn refusal(arguments: &[&str]) -> (String, Option<i32>) {
    let output = serve(arguments).output().unwrap();
    (
        String::from_utf8(output.stderr).unwrap(),
        output.status.code(),
    )
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status().unwrap();
    assert!(sent.success());
}

const FREE: [&str; 4] = ["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];

#[test]
fn it_says_when_it_is_ready_and_stops_when_it_is_told() {
    for name in ["-TERM", "-INT"] {
        let (mut child, line, mut lines) = ready(&FREE);
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            line.starts_with(&format!("helenus {version} ready: CQL 127.0.0.1:")),
            "{line}"
        );
        assert!(
            line.trim_end()
                .ends_with("data in memory, commit log group"),
            "{line}"
        );
        let address = line
            .split(['C', ','])
            .nth(1)
            .unwrap()
            .trim_start_matches("QL ");
        let mut client = helenus::client::Client::connect(address, &Default::default()).unwrap();
        assert!(client.supported().is_ok());
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut lines, &mut rest).unwrap();
        assert!(rest.ends_with("stopped\n"), "{rest}");
    }
}

#[test]
fn a_refusal_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let in_use = format!("{address} is in use: another process listens there\n");
    let mut arguments = FREE;
    arguments[1] = &address;
    assert_eq!(refusal(&arguments), (in_use.clone(), Some(1)));
    let mut arguments = FREE;
    arguments[3] = &address;
    assert_eq!(refusal(&arguments), (in_use, Some(1)));

    let (words, code) = refusal(&["--listen", "0.0.0.0:0"]);
    assert!(
        words.contains("--insecure") && words.lines().count() == 1,
        "{words}"
    );
    assert_eq!(code, Some(1));

    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("helenus.toml");
    let name = config.to_str().unwrap();
    std::fs::write(&config, "cluster_name = 'x'\nread_timeout = 1\n").unwrap();
    let (words, code) = refusal(&["--config", name]);
    let expected = format!("{name}, line 2: unknown field `read_timeout`");
    assert!(
        words.starts_with(&expected) && words.lines().count() == 1,
        "{words}"
    );
    assert_eq!(code, Some(1));

    let (words, code) = refusal(&["--config", "/nowhere/helenus.toml"]);
    assert!(words.lines().count() == 1 && code == Some(1), "{words}");
    assert_eq!(refusal(&["--listen", "nonsense"]).1, Some(2));
}

#[test]
fn settings_come_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("helenus.toml");
    std::fs::write(
        &config,
        "cluster_name = 'nyc'\nnative_transport_port = 0\nhttp_listen = '127.0.0.1:0'\n\
         commitlog_sync = 'periodic'\n",
    )
    .unwrap();
    let (mut child, line, _lines) = ready(&["--config", config.to_str().unwrap()]);
    assert!(line.trim_end().ends_with("commit log periodic"), "{line}");
    let address = line
        .split(['C', ','])
        .nth(1)
        .unwrap()
        .trim_start_matches("QL ");
    let mut client = helenus::client::Client::connect(address, &Default::default()).unwrap();
    let name = crate::support::rows(&mut client, "SELECT cluster_name FROM system.local");
    let row = name.rows().next().unwrap().unwrap();
    assert_eq!(row[0].as_deref(), Some(&b"nyc"[..]));
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
}
