//! Where events are sent to: the gateway that commands speak to.

use crate::args::{GatewayArgs, SystemArgs};
use anyhow::{Result, anyhow, bail};
use weir_embedded::{DataDir, Secrets};
use weir_model::codes::{NO_TOKEN, NOT_RUNNING};
use weir_runtime::config::Secret;

/// A gateway and what opens it.
pub struct Gateway {
    /// Its URL, without a slash at its end.
    pub url: String,
    pub token: Secret,
}

impl Gateway {
    /// By flags and variables, else the one of the data directory.
    pub fn find(system: &SystemArgs, a: &GatewayArgs) -> Result<Gateway> {
        let own_token = || -> Result<Secret> {
            let secrets = Secrets::open(&system.data_dir)?;
            Ok(weir_http::token::of_secret(&secrets.gateway))
        };
        if let Some(url) = &a.url {
            let token = a.token.clone().ok_or_else(|| {
                anyhow!("{NO_TOKEN}: name the token of {url} in the variable WEIR_TOKEN")
            })?;
            let url = url.trim_end_matches('/').to_owned();
            return Ok(Gateway { url, token });
        }
        let running = DataDir::running(&system.data_dir)?;
        if running.gateway.is_empty() {
            bail!(
                "{NOT_RUNNING}: {} runs without a gateway; start it with `weir up`",
                system.data_dir.display()
            );
        }
        Ok(Gateway {
            url: running.gateway,
            token: a.token.clone().map_or_else(own_token, Ok)?,
        })
    }
}
