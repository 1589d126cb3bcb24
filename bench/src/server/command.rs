//! How each kind of server is started, such that nothing but its work limits it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Server;
use crate::Result;
use crate::dialect::Dialect;

impl Server {
    /// What starts it on a port of the loopback address; `folder` is for whatever it wants to read or write.
    pub(super) fn command(&self, port: u16, folder: &Path) -> Result<Command> {
        let mut command = Command::new(&self.program);
        let (listen, port_text) = (format!("127.0.0.1:{port}"), port.to_string());
        match self.dialect {
            Dialect::Plain => {
                command.args(["--listen", &listen, "--lobby", "none", "--flood", "off"]);
                command.args(["--log-level", "error", "--data"]).arg(folder);
            }
            Dialect::Redis => {
                command.args([
                    "--port",
                    &port_text,
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ]);
                command.args(["--maxclients", "19900", "--tcp-backlog", "4096", "--dir"]).arg(folder);
                // No limit on what a slow subscriber may owe.
                command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
            }
            Dialect::Nats => {
                let config = folder.join("nats.conf");
                fs::write(&config, NATS)?;
                command.args(["--addr", "127.0.0.1", "--port", &port_text, "--config"]).arg(config);
            }
            Dialect::Floor => drop(command.args(["floor", &listen])),
            Dialect::Irc => {
                let config = folder.join("inspircd.conf");
                fs::write(&config, inspircd(port, folder))?;
                command.args(["--nofork", "--nolog", "--runasroot", "--config"]).arg(config);
            }
        }
        command.args(&self.flags);
        Ok(command)
    }
}

const NATS: &str =
    "max_connections: 19900\nmax_pending: 1GB\nwrite_deadline: \"60s\"\nping_interval: \"1h\"\n";

/// Without names looked up, without flood control, and with queues that nobody fills.
fn inspircd(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"<server name="irc.example.org" description="benchmark" network="benchmark">
<admin name="nobody" nick="nobody" email="nobody@example.org">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="all" allow="*" timeout="60" pingfreq="1h" resolvehostnames="no" maxchans="20"
    hardsendq="1G" softsendq="1G" recvq="16M" threshold="1000000000" commandrate="1000000000" fakelag="no"
    localmax="20000" globalmax="20000" maxconnwarn="no" limit="20000">
<performance softlimit="19900" somaxconn="4096" netbuffersize="65534" clonesonconnect="no" quietbursts="yes">
<pid file="{folder}/inspircd.pid">
"#
    )
}
