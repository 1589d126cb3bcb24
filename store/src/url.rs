//! URLs of stores, which may have a password in them: what of one may be shown, and whether it means one thing only.

/// What stands in place of what nobody is to see.
const BLANK: &str = "***";
/// Options that may be shown. Of one that is not known, even the name may be a part of somebody's password.
const OPTIONS: [&str; 17] = [
    "allow-volatile",
    "application_name",
    "channel_binding",
    "connect_timeout",
    "db",
    "dbname",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "options",
    "port",
    "protocol",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "user",
];
const SECRETS: [&str; 2] = ["pass", "password"];
/// What cannot be understood says so.
pub(crate) const UNCLEAR: &str = "cannot be understood: in a user name or a password, write % as %25, @ as %40, : as %3A, / as \
    %2F, ? as %3F and # as %23";

/// A URL with `//` in it, which can be read in one way only.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    has_password: bool,
    hosts: &'a str,
    /// With what comes before it.
    path: &'a str,
    query: Option<&'a str>,
}

/// The same without its password, for other people's eyes. Of one that can be read in more than one way, only the beginning
/// is left: any part of it may be a part of the password.
#[must_use]
pub fn shown(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.into();
    }
    let Some(Parts { scheme, user, has_password, hosts, path, query }) = parts(url) else {
        return match url.split_once("://") {
            Some((scheme, _)) if scheme.bytes().all(is_of_scheme) => format!("{scheme}://{BLANK}"),
            _ => BLANK.into(),
        };
    };
    let user = match user {
        // People forget the colon before a password of Redis.
        Some(_) if !has_password && scheme.starts_with("redis") => format!("{BLANK}@"),
        Some(user) if has_password => format!("{user}:{BLANK}@"),
        Some(user) => format!("{user}@"),
        None => String::new(),
    };
    let query = query.map(|query| format!("?{}", shown_query(query).unwrap_or_else(|| BLANK.into())));
    format!("{scheme}://{user}{hosts}{path}{}", query.unwrap_or_default())
}

/// Whether a URL of a server can be read in one way only.
pub(crate) fn is_clear(url: &str) -> bool {
    parts(url).is_some()
}

/// Options of a URL: those with this name, and the URL without them.
pub(crate) fn take_option(url: &str, name: &str) -> (String, Vec<String>) {
    let Some((address, query)) = url.split_once('?') else { return (url.into(), Vec::new()) };
    let mut values = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((key, value)) if key == name => values.push(value.into()),
            _ => others.push(pair),
        }
    }
    let url = if others.is_empty() { address.into() } else { format!("{address}?{}", others.join("&")) };
    (url, values)
}

/// The value of an option.
pub(crate) fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !scheme.bytes().all(is_of_scheme) || tail.contains(['@', '#']) {
        return None;
    }
    let (user, hosts) = match authority.split_once('@') {
        Some((user, hosts)) => (Some(user), hosts),
        None => (None, authority),
    };
    let (user, has_password) = match user.and_then(|user| user.split_once(':')) {
        Some((name, _)) => (Some(name), true),
        None => (user, false),
    };
    if !hosts.is_empty() && !hosts.split(',').all(is_host) {
        return None;
    }
    let (path, query) = match tail.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (tail, None),
    };
    Some(Parts { scheme, user, has_password, hosts, path, query })
}

fn shown_query(query: &str) -> Option<String> {
    let shown = |pair| match str::split_once(pair, '=')? {
        (key, _) if SECRETS.contains(&key) => Some(format!("{key}={BLANK}")),
        (key, value) => OPTIONS.contains(&key).then(|| format!("{key}={value}")),
    };
    query.split('&').map(shown).collect::<Option<Vec<_>>>().map(|pairs| pairs.join("&"))
}

fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+'
}

/// A name or an address, perhaps with a port.
fn is_host(host: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(address) = host.strip_prefix('[') {
        let Some((address, port)) = address.split_once(']') else { return false };
        let is_address = address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":.%".contains(&byte));
        return is_address && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-%".contains(&byte);
    !name.is_empty() && name.bytes().all(is_name) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_blanked_and_nothing_else() {
        for (url, blanked) in [
            ("sqlite:/a@b:c/history.db", "sqlite:/a@b:c/history.db"),
            ("postgres://ann@host/chat", "postgres://ann@host/chat"),
            ("postgres:///chat?host=/run/postgresql", "postgres:///chat?host=/run/postgresql"),
            (
                "postgres://ann:s3c@host:5432/chat?sslmode=disable",
                "postgres://ann:***@host:5432/chat?sslmode=disable",
            ),
            ("postgres://host/chat?password=s3c&user=ann", "postgres://host/chat?password=***&user=ann"),
            ("postgres://ann:s3:c[%40]@%2Frun%2Fpg/chat", "postgres://ann:***@%2Frun%2Fpg/chat"),
            ("postgres://[::1]:5432,host:1/chat", "postgres://[::1]:5432,host:1/chat"),
            ("redis://:s3c@host/0", "redis://:***@host/0"),
            ("rediss://s3c@host/0", "rediss://***@host/0"),
            ("redis+unix:///run/a:b.sock?pass=s3c&db=1", "redis+unix:///run/a:b.sock?pass=***&db=1"),
        ] {
            assert_eq!(shown(url), blanked);
            assert!(url.starts_with("sqlite") || is_clear(url), "{url}");
        }
    }

    #[test]
    fn of_what_may_be_a_password_nothing_is_shown() {
        for careless in
            ["s3c@ret", "s3c/ret", "s3c?ret", "s3c#ret", "s3c@r/e?t", "a/s3c@ret", "@s3cret", "s3c://ret"]
        {
            for scheme in ["postgres", "redis", "rediss", "redis+unix", "mysql"] {
                let url = format!("{scheme}://ann:{careless}@host/chat");
                assert_eq!((shown(&url), is_clear(&url)), (format!("{scheme}://***"), false), "{url}");
            }
        }
        for (url, blanked) in [
            ("redis://:s3cret", "redis://***"),
            ("postgres://ann:s3cret", "postgres://***"),
            ("postgres://ann:s3c/ret?host", "postgres://***"),
            ("postgres://s3c@ret@host", "postgres://***"),
            ("postgres://host/chat?password=s3@c", "postgres://***"),
            ("postgres://host/chat?password=a&s3c=ret", "postgres://host/chat?***"),
            ("postgres://host/chat?password=a&s3c", "postgres://host/chat?***"),
            ("postgres:ann:s3c@host", "***"),
            ("ann:s3c@host", "***"),
            ("s3c", "***"),
            ("", "***"),
        ] {
            assert_eq!(shown(url), blanked);
        }
    }

    #[test]
    fn options_are_taken_out() {
        let taken = |url| take_option(url, "sslmode");
        assert_eq!(taken("postgres://h/d"), ("postgres://h/d".into(), vec![]));
        assert_eq!(taken("postgres://h/d?sslmode=a"), ("postgres://h/d".into(), vec!["a".into()]));
        let (url, values) = taken("redis://h?x=1&sslmode=a&&sslmode=b&y");
        assert_eq!((&*url, values), ("redis://h?x=1&y", vec!["a".into(), "b".into()]));
        assert_eq!(decoded("%2Froot%20ca/a%b%"), "/root ca/a%b%");
    }
}
