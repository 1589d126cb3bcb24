//! TLS of one connection, without its socket: bytes in, bytes out.

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, WriteTraffic};

/// The most text that goes into one record. They may be four times as large (RFC 8446, section 5.1), but a record leaves
/// as a whole: this is what a reader who does not read holds beside what it is owed, and how finely its progress shows.
const RECORD: usize = 4 << 10;
/// The most that is kept of what cannot be understood yet: one record of the greatest size (RFC 5246, section 6.2.3), which
/// no message of a handshake exceeds either that an honest client sends.
const INCOMING: usize = (16 << 10) + 2_048 + 5;

/// What became of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So much text, at least one byte.
    Text(usize),
    /// Nothing more: the rest is to be received. So many bytes were no text.
    Blocked(usize),
    /// A part of the handshake was answered.
    Answered,
    /// The handshake is done.
    Opened,
    /// The peer has said goodbye.
    Ended,
    /// It makes no sense. What is outgoing tells the peer so.
    Failed,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshaking,
    /// Text flows, both ways.
    Open,
    /// The peer has said goodbye; ours may still flow.
    Ended,
    /// It has failed, which is still to be told.
    Failed,
    /// Nothing that comes means anything any more: it has failed, or we have said goodbye.
    Over,
}

/// The server's side of one connection. Its buffers are empty, and take no memory, while nothing is under way.
pub(crate) struct Session {
    tls: UnbufferedServerConnection,
    phase: Phase,
    /// Whether the beginning of `Open` is still to be told.
    news: bool,
    /// Whether part of the handshake was answered since that was last told.
    answered: bool,
    /// Received, and not understood yet: the beginning of a record.
    incoming: Vec<u8>,
    /// Bytes received that were neither given out as text nor told.
    overhead: usize,
    /// Understood, and not taken yet.
    text: Vec<u8>,
    /// To be sent, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// How much text ends with the last byte of `outgoing`.
    sealed: usize,
}

/// How far rustls got with one look.
enum Progress {
    /// Further than before.
    Some,
    /// Text can be sent, and nothing else is to be done.
    Writable,
    /// The peer is to go on.
    Blocked,
    /// Nowhere any more.
    Broken,
}

impl Session {
    pub(crate) fn new(tls: UnbufferedServerConnection) -> Self {
        Self {
            tls,
            phase: Phase::Handshaking,
            news: false,
            answered: false,
            incoming: Vec::new(),
            overhead: 0,
            text: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
            sealed: 0,
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.phase == Phase::Handshaking
    }

    /// Whether it has failed, and the peer's side is still to learn of it.
    pub(crate) fn has_failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// Whether nothing that comes or goes means anything any more.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Takes in what came from the peer.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
        self.overhead += bytes.len();
    }

    /// Makes of it what can be made, and tells of it a step at a time. Text is written to `buf`.
    pub(crate) fn step(&mut self, buf: &mut [u8]) -> Step {
        if self.text.is_empty() && !self.news {
            self.work();
        }
        if std::mem::take(&mut self.news) {
            return Step::Opened;
        }
        if !self.text.is_empty() {
            return Step::Text(self.take_text(buf));
        }
        match self.phase {
            Phase::Failed => {
                self.phase = Phase::Over;
                Step::Failed
            }
            Phase::Ended => Step::Ended,
            _ if std::mem::take(&mut self.answered) => Step::Answered,
            _ => Step::Blocked(std::mem::take(&mut self.overhead)),
        }
    }

    /// Seals some of `text` to be sent, unless what was sealed before is still to be asked for.
    pub(crate) fn seal(&mut self, text: &[u8]) {
        if self.sealed == 0 {
            let text = &text[..text.len().min(RECORD)];
            self.write(|traffic, out| traffic.encrypt(text, out));
            self.sealed = text.len();
        }
    }

    /// How much text was sealed and has left, now that nothing is outgoing.
    pub(crate) fn take_sealed(&mut self) -> usize {
        std::mem::take(&mut self.sealed)
    }

    /// Says goodbye (`close_notify`), once, and listens no more.
    pub(crate) fn say_goodbye(&mut self) {
        if matches!(self.phase, Phase::Open | Phase::Ended) {
            self.write(|traffic, out| traffic.queue_close_notify(out));
            self.end();
        }
    }

    /// What is to be sent.
    pub(crate) fn outgoing(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// So much of it has left.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.outgoing.len() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
    }

    /// Understands all that has come as a whole.
    fn work(&mut self) {
        let mut understood = 0;
        while matches!(self.phase, Phase::Handshaking | Phase::Open) {
            match self.progress(&mut understood, |_, _| Ok(0)) {
                Progress::Some => {}
                Progress::Writable | Progress::Blocked => break,
                Progress::Broken => self.fail(),
            }
        }
        self.forget(understood);
        if self.incoming.len() > INCOMING {
            self.fail();
        }
    }

    /// Writes something of our own once the session lets us.
    fn write(&mut self, mut write: impl Write) {
        let mut understood = 0;
        while matches!(self.phase, Phase::Open | Phase::Ended) {
            match self.progress(&mut understood, &mut write) {
                Progress::Some => {}
                Progress::Writable => break,
                Progress::Blocked | Progress::Broken => self.fail(),
            }
        }
        self.forget(understood);
    }

    /// Lets rustls have one look at what has come, behind the bytes that are understood. Where nothing is to be done about
    /// that, `write` is called.
    fn progress(&mut self, understood: &mut usize, mut write: impl Write) -> Progress {
        let Self { tls, incoming, outgoing, .. } = self;
        let status = tls.process_tls_records(&mut incoming[*understood..]);
        *understood += status.discard;
        let progress = match status.state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(Ok(record)) = traffic.next_record() {
                    self.text.extend_from_slice(record.payload);
                }
                Progress::Some
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                self.answered = self.phase == Phase::Handshaking;
                append(outgoing, |out| data.encode(out)).map_or(Progress::Broken, |()| Progress::Some)
            }
            // It is in `outgoing`, and leaves before anything that comes later.
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Progress::Some
            }
            Ok(ConnectionState::PeerClosed) => {
                self.phase = Phase::Ended;
                Progress::Some
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let written = append(outgoing, |out| write(&mut traffic, out));
                written.map_or(Progress::Broken, |()| Progress::Writable)
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Progress::Blocked,
            // Early data, which is not offered; and what rustls may learn.
            Ok(_) => Progress::Broken,
            Err(_) => Progress::Broken,
        };
        if self.phase == Phase::Handshaking && !self.tls.is_handshaking() {
            (self.phase, self.news, self.answered) = (Phase::Open, true, false);
        }
        progress
    }

    /// Ends the session. What the peer is to know of it (an alert) is outgoing.
    fn fail(&mut self) {
        // Nothing is looked at any more: rustls takes it ill if what is broken is shown to it again.
        while self.tls.wants_write() {
            match self.tls.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let _ = append(&mut self.outgoing, |out| data.encode(out));
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => break,
            }
        }
        self.end();
        self.phase = Phase::Failed;
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.incoming = Vec::new();
    }

    /// The first bytes are understood.
    fn forget(&mut self, count: usize) {
        self.incoming.drain(..count.min(self.incoming.len()));
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
    }

    fn take_text(&mut self, buf: &mut [u8]) -> usize {
        let count = self.text.len().min(buf.len());
        buf[..count].copy_from_slice(&self.text[..count]);
        self.text.drain(..count);
        if self.text.is_empty() {
            self.text = Vec::new();
        }
        self.overhead = self.overhead.saturating_sub(count);
        count
    }
}

/// Writes something into a buffer, which it may find too small.
trait Write:
    FnMut(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>
{
}

impl<F> Write for F where
    F: FnMut(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>
{
}

/// Adds to `out` what `write` writes, which says how much room it needs; fails if it cannot be written at all.
fn append<E: Into<Needed>>(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), ()> {
    let start = out.len();
    loop {
        let room = out.len() - start;
        match write(&mut out[start..]).map_err(Into::into) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(Needed(Some(needed))) if needed > room => out.resize(start + needed, 0),
            Err(Needed(_)) => {
                out.truncate(start);
                return Err(());
            }
        }
    }
}

/// How much room is needed; none: it cannot be written.
struct Needed(Option<usize>);

impl From<EncodeError> for Needed {
    fn from(error: EncodeError) -> Self {
        Self(match error {
            EncodeError::InsufficientSize(size) => Some(size.required_size),
            EncodeError::AlreadyEncoded => None,
        })
    }
}

impl From<EncryptError> for Needed {
    fn from(error: EncryptError) -> Self {
        Self(match error {
            EncryptError::InsufficientSize(size) => Some(size.required_size),
            EncryptError::EncryptExhausted => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;

    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

    use super::*;

    /// A client and our side of its connection, with a link that cuts what goes to us into pieces of so many bytes.
    struct Pair {
        client: ClientConnection,
        session: Session,
        piece: usize,
        steps: Vec<Step>,
        heard: Vec<u8>,
        got: Vec<u8>,
    }

    impl Pair {
        fn new(version: &'static rustls::SupportedProtocolVersion, piece: usize) -> Self {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
            let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
            let certificate = CertificateDer::from(made.cert.der().to_vec());
            let provider = Arc::new(default_provider());
            let server = ServerConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .and_then(|builder| {
                    builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key)
                });
            let mut roots = RootCertStore::empty();
            roots.add(certificate).unwrap();
            let client = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            Self {
                client: ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap(),
                session: Session::new(UnbufferedServerConnection::new(Arc::new(server.unwrap())).unwrap()),
                piece,
                steps: Vec::new(),
                heard: Vec::new(),
                got: Vec::new(),
            }
        }

        /// Lets everything go to and fro until nothing more does.
        fn run(&mut self) {
            loop {
                let mut up = Vec::new();
                while self.client.wants_write() {
                    self.client.write_tls(&mut up).unwrap();
                }
                for piece in up.chunks(self.piece) {
                    self.session.receive(piece);
                    self.step();
                }
                let down = self.session.outgoing().to_vec();
                self.session.sent(down.len());
                let mut rest = &down[..];
                while !rest.is_empty() {
                    self.client.read_tls(&mut rest).unwrap();
                    self.client.process_new_packets().unwrap();
                    let _ = self.client.reader().read_to_end(&mut self.got);
                }
                if up.is_empty() && down.is_empty() {
                    return;
                }
            }
        }

        fn step(&mut self) {
            // A buffer smaller than a record.
            let mut buf = [0; 1_000];
            loop {
                let step = self.session.step(&mut buf);
                match step {
                    Step::Blocked(_) => return,
                    Step::Text(count) => self.heard.extend_from_slice(&buf[..count]),
                    Step::Answered | Step::Opened => self.steps.push(step),
                    Step::Ended | Step::Failed => return self.steps.push(step),
                }
            }
        }

        fn say(&mut self, text: &[u8]) -> Vec<u8> {
            let mut said = 0;
            while said < text.len() {
                self.session.seal(&text[said..]);
                self.run();
                said += self.session.take_sealed();
            }
            std::mem::take(&mut self.got)
        }
    }

    fn versions() -> [&'static rustls::SupportedProtocolVersion; 2] {
        [&rustls::version::TLS12, &rustls::version::TLS13]
    }

    #[test]
    fn text_goes_both_ways_however_it_is_cut() {
        for (version, piece) in
            versions().into_iter().flat_map(|version| [(version, 1), (version, 50), (version, 1 << 20)])
        {
            let mut pair = Pair::new(version, piece);
            pair.run();
            assert_eq!(pair.steps.last(), Some(&Step::Opened), "{version:?}");
            assert!(!pair.client.is_handshaking() && pair.steps.contains(&Step::Answered));
            pair.client.writer().write_all(&[b'a'; 20_000]).unwrap();
            pair.run();
            assert!(pair.heard == [b'a'; 20_000]);
            let text: Vec<u8> = (0..40_000).map(|number| number as u8).collect();
            assert!(pair.say(&text) == text);
            assert_eq!(
                pair.session.incoming.capacity()
                    + pair.session.text.capacity()
                    + pair.session.outgoing.capacity(),
                0
            );
        }
    }

    #[test]
    fn text_may_come_with_the_end_of_the_handshake() {
        for version in versions() {
            let mut pair = Pair::new(version, 1 << 20);
            pair.client.writer().write_all(b"eager").unwrap();
            pair.run();
            assert_eq!((&pair.heard[..], pair.steps.last()), (&b"eager"[..], Some(&Step::Opened)));
        }
    }

    #[test]
    fn both_sides_say_goodbye_on_their_own() {
        for version in versions() {
            let mut pair = Pair::new(version, 7);
            pair.run();
            pair.client.writer().write_all(b"last words").unwrap();
            pair.client.send_close_notify();
            pair.run();
            assert_eq!((&pair.heard[..], pair.steps.last()), (&b"last words"[..], Some(&Step::Ended)));
            // What is owed still goes out, and then our own goodbye.
            assert_eq!(pair.say(b"an answer"), b"an answer");
            pair.session.say_goodbye();
            pair.run();
            assert_eq!(pair.client.reader().read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn nonsense_is_answered_by_an_alert_and_told_once() {
        for (nonsense, alert) in [
            // A message of 6 MB: it is not waited for, and rustls has no alert for that.
            (&b"\x16\x03\x01\x00\x05hello"[..], None),
            (b"\x16\xff\xff\xff\xff\xff", Some(&21)),
            (&[0x16; 70_000], Some(&21)),
            (&[0; 100], Some(&21)),
        ] {
            let mut pair = Pair::new(versions()[1], 1);
            pair.session.receive(nonsense);
            assert_eq!(pair.session.step(&mut [0]), Step::Failed);
            assert_eq!(pair.session.outgoing().first(), alert, "{:?}", &nonsense[..nonsense.len().min(10)]);
            let told = pair.session.outgoing().len();
            assert!(pair.session.is_over());
            pair.session.seal(b"never");
            pair.session.say_goodbye();
            assert_eq!(pair.session.outgoing().len(), told, "nothing comes behind an alert");
        }
        for version in versions() {
            let mut pair = Pair::new(version, 1 << 20);
            pair.run();
            pair.session.receive(&[&b"\x17\x03\x03\x00\x40"[..], &[7; 64]].concat());
            assert_eq!(pair.session.step(&mut [0]), Step::Failed);
            assert_eq!(
                pair.session.outgoing().first(),
                Some(if version == versions()[0] { &21 } else { &23 })
            );
        }
    }

    #[test]
    fn what_comes_behind_our_goodbye_is_not_looked_at() {
        for version in versions() {
            let mut pair = Pair::new(version, 1 << 20);
            pair.run();
            pair.session.say_goodbye();
            let told = pair.session.outgoing().len();
            assert!(told > 0 && pair.session.is_over());
            pair.session.say_goodbye();
            assert_eq!(pair.session.outgoing().len(), told);
        }
    }

    #[test]
    fn a_handshake_that_never_ends_is_not_kept_for_ever() {
        let mut pair = Pair::new(versions()[1], 1);
        // A ClientHello of 65,535 bytes, in records of one byte each.
        let head = [1, 0, 0xff, 0xff];
        let mut sent = 0;
        loop {
            let byte = head.get(sent).copied().unwrap_or(0);
            pair.session.receive(&[0x16, 3, 1, 0, 1, byte]);
            sent += 1;
            match pair.session.step(&mut [0]) {
                Step::Blocked(_) => assert!(pair.session.incoming.len() <= INCOMING),
                step => return assert_eq!(step, Step::Failed),
            }
        }
    }

    #[test]
    fn all_that_came_is_told_as_text_or_as_overhead() {
        let mut pair = Pair::new(versions()[1], 1 << 20);
        pair.run();
        let mut buf = [0; 100];
        while pair.session.step(&mut buf) != Step::Blocked(0) {}
        let mut bytes = Vec::new();
        for _ in 0..50 {
            pair.client.writer().write_all(b"x").unwrap();
            pair.client.write_tls(&mut bytes).unwrap();
        }
        pair.session.receive(&bytes);
        assert_eq!(
            pair.session.step(&mut buf),
            Step::Text(50),
            "at once, though each has a record of its own"
        );
        assert_eq!(pair.session.step(&mut buf), Step::Blocked(bytes.len() - 50));
        assert_eq!(pair.session.step(&mut buf), Step::Blocked(0));
    }

    #[test]
    fn a_peer_may_change_its_keys_now_and_then() {
        let mut pair = Pair::new(versions()[1], 3);
        pair.run();
        for _ in 0..5 {
            pair.client.refresh_traffic_keys().unwrap();
            pair.client.writer().write_all(b"x").unwrap();
            pair.run();
            assert_eq!(pair.say(b"yes"), b"yes");
        }
        assert_eq!(pair.heard, b"xxxxx");
    }
}
