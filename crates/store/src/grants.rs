//! Who may do what in a ClickHouse of one's own: the SQL that makes roles, users and row policies.
//! Nothing here asks a server: an administrator of it runs what is printed.

use crate::client::{ident, text};
use crate::table::{EventsTable, PartsTable};
use crate::{StoreError, migrate, results};
use weir_catalog::Catalog;

/// Role of the sink, which makes tables and writes them.
const WRITES: &str = "weir_writes";
/// Role of what asks for all tenants: the api, which puts each question within its tenant.
const READS: &str = "weir_reads";

/// What the SQL is made for.
#[derive(Clone, Debug)]
pub struct Grants<'a> {
    /// The database.
    pub database: &'a str,
    /// Those who shall have a user each that sees nothing of the others.
    pub tenants: &'a [String],
}

impl Grants<'_> {
    /// Statements without a semicolon, each safe to run again.
    ///
    /// # Errors
    /// An event type of the catalog has no table.
    pub fn statements(&self, catalog: &Catalog) -> Result<Vec<String>, StoreError> {
        let all = format!("{}.*", ident(self.database));
        let mut out = vec![
            // Questions may set limits of their own; they change nothing.
            "CREATE SETTINGS PROFILE IF NOT EXISTS weir_asks SETTINGS readonly = 2".to_owned(),
            format!("CREATE ROLE IF NOT EXISTS {WRITES}, {READS}"),
            format!(
                "GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, \
                 DROP TABLE, DROP VIEW ON {all} TO {WRITES}"
            ),
            // Functions belong to no database.
            format!("GRANT CREATE FUNCTION, DROP FUNCTION ON *.* TO {WRITES}"),
            format!("GRANT SELECT ON {all} TO {READS}"),
        ];
        out.extend(user("weir_sink", WRITES, ""));
        out.extend(user("weir_api", READS, " SETTINGS PROFILE weir_asks"));
        if self.tenants.is_empty() {
            return Ok(out);
        }
        let tables = with_tenant(catalog)?;
        for table in &tables {
            // Once a table has a policy, who has none sees nothing of it.
            out.push(self.policy("weir_all", table, "1", &format!("{WRITES}, {READS}")));
        }
        let late = results::LATE.view;
        let views = migrate::view_names(catalog)?;
        let views: Vec<String> = views.into_iter().filter(|v| v != late).collect();
        for tenant in self.tenants {
            self.tenant(tenant, &tables, &views, &mut out);
        }
        Ok(out)
    }

    /// One by one: what comes later and is not named here is not for a tenant.
    fn tenant(&self, tenant: &str, tables: &[String], views: &[String], out: &mut Vec<String>) {
        let name = format!("weir_tenant_{tenant}");
        let role = ident(&name);
        out.push(format!("CREATE ROLE IF NOT EXISTS {role}"));
        let shared = SHARED.map(str::to_owned);
        for one in tables.iter().chain(views).chain(&shared) {
            let table = format!("{}.{}", ident(self.database), ident(one));
            out.push(format!("GRANT SELECT ON {table} TO {role}"));
        }
        for table in tables {
            // Time zones have a row for all who are not named.
            let condition = match table == ZONES {
                true => format!("tenant IN ({}, '')", text(tenant)),
                false => format!("tenant = {}", text(tenant)),
            };
            out.push(self.policy(&name, table, &condition, &role));
        }
        let user_of = format!("weir_of_{tenant}");
        out.extend(user(&user_of, &role, " SETTINGS PROFILE weir_asks"));
    }

    fn policy(&self, name: &str, table: &str, condition: &str, to: &str) -> String {
        format!(
            "CREATE ROW POLICY IF NOT EXISTS {} ON {}.{} FOR SELECT USING {condition} TO {to}",
            ident(name),
            ident(self.database),
            ident(table)
        )
    }
}

/// A user whom nobody can be until an administrator says how he is known.
fn user(name: &str, role: &str, more: &str) -> [String; 3] {
    let name = ident(name);
    [
        format!("CREATE USER IF NOT EXISTS {name} HOST NONE{more}"),
        format!("GRANT {role} TO {name}"),
        format!("ALTER USER {name} DEFAULT ROLE {role}"),
    ]
}

/// What says nothing of anybody: which run is shown, whose days begin when.
const SHARED: [&str; 3] = ["runs", "current_run", "tenants"];
/// Time zones, by tenant.
const ZONES: &str = "tenants_log";

/// Tables whose rows say whose they are, those of the catalog's event types first.
fn with_tenant(catalog: &Catalog) -> Result<Vec<String>, StoreError> {
    let mut tables = Vec::new();
    for event in &catalog.events {
        tables.push(PartsTable::of(event)?.name);
        tables.push(EventsTable::of(event)?.name);
    }
    let of_tenants = |r: &&results::Fixture| r.columns().any(|(name, _)| name == "tenant");
    let results = results::ALL.iter().filter(of_tenants);
    tables.extend(results.map(|r| r.table.to_owned()));
    tables.push(ZONES.to_owned());
    Ok(tables)
}
