//! Who may administer: programs on this machine, and no web page.
//!
//! | a page's way | what stops it |
//! |---|---|
//! | `fetch("http://127.0.0.1:9180/…", {method: "POST"})` | browsers add `Origin` |
//! | a form that posts itself, no script | `Origin`, and its body is no JSON |
//! | `<img src="http://127.0.0.1:9180/admin/…">` | GET changes nothing; `Sec-Fetch-Site` |
//! | a name of its owner that resolves to 127.0.0.1 | `Host` is neither address nor `localhost` |

use hyper::header::{CONTENT_TYPE, HOST, ORIGIN};
use hyper::{Method, Request};
use std::net::{IpAddr, SocketAddr};

/// Refuses with a reason whatever may come from a web page.
pub fn check<B>(request: &Request<B>, local: SocketAddr) -> Result<(), &'static str> {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) {
        return Err("requests of web pages are refused: there is an Origin header");
    }
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "none" && site != "same-origin") {
        return Err("requests of web pages are refused: Sec-Fetch-Site says so");
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_some() || !host.is_some_and(|host| is_own(host, local.ip())) {
        return Err("the Host header must be this port's address or localhost");
    }
    let named = request.uri().authority();
    if named.is_some_and(|named| !is_own(named.as_str(), local.ip())) {
        return Err("the address in the request line must be this port's or localhost");
    }
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if request.method() == Method::POST && !json {
        return Err("the Content-Type header must be application/json");
    }
    Ok(())
}

/// Whether a `Host` names this machine in a way that no name server can bend.
fn is_own(host: &str, local: IpAddr) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => match rest.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    let address = name.parse::<IpAddr>().map(|ip| ip.to_canonical());
    let own = address.is_ok_and(|ip| ip.is_loopback() || ip == local.to_canonical());
    own || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, headers: &[(&str, &str)]) -> Result<(), &'static str> {
        let mut request = Request::builder().method(method).uri("/admin/drain");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let local = SocketAddr::from(([127, 0, 0, 1], 9180));
        check(&request.body(()).unwrap(), local)
    }

    #[test]
    fn hosts_are_addresses_or_localhost() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let own = "localhost LOCALHOST:9180 127.0.0.1 127.9.9.9:1 [::1]:9180 [::1]";
        for host in own.split(' ') {
            assert!(is_own(host, loopback), "{host}");
        }
        let foreign = "evil.example localhost.evil.example:9180 127.0.0.1.evil.example 10.0.0.1 \
                       ::1 [::1 [] [::1]evil localhost:x 0.0.0.0 [2001:db8::1] :9180";
        for host in foreign.split_whitespace().chain([""]) {
            assert!(!is_own(host, loopback), "{host}");
        }
        assert!(is_own("10.0.0.1:9180", IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn web_pages_are_refused() {
        let json = ("content-type", "application/json; charset=utf-8");
        let host = ("host", "127.0.0.1:9180");
        assert_eq!(asked(Method::POST, &[json, host]), Ok(()));
        assert_eq!(asked(Method::GET, &[host]), Ok(()));
        let refused: [&[(&str, &str)]; 6] = [
            &[json, host, ("origin", "null")],
            &[json, host, ("origin", "http://127.0.0.1:9180")],
            &[json, host, ("sec-fetch-site", "cross-site")],
            &[json, host, ("host", "evil.example")],
            &[json],
            &[host, ("content-type", "text/plain")],
        ];
        for headers in refused {
            assert!(asked(Method::POST, headers).is_err(), "{headers:?}");
        }
    }
}
