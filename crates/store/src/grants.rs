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

#[cfg(test)]
mod tests {
    use super::*;

    fn made(tenants: &[String]) -> Vec<String> {
        let catalog = Catalog::embedded().unwrap_or_else(|e| panic!("{e}"));
        let database = "weir";
        let grants = Grants { database, tenants };
        grants
            .statements(&catalog)
            .unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn services_have_roles_and_nobody_a_way_in() {
        insta::assert_snapshot!(made(&[]).join("\n"), @"
        CREATE SETTINGS PROFILE IF NOT EXISTS weir_asks SETTINGS readonly = 2
        CREATE ROLE IF NOT EXISTS weir_writes, weir_reads
        GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW ON `weir`.* TO weir_writes
        GRANT CREATE FUNCTION, DROP FUNCTION ON *.* TO weir_writes
        GRANT SELECT ON `weir`.* TO weir_reads
        CREATE USER IF NOT EXISTS `weir_sink` HOST NONE
        GRANT weir_writes TO `weir_sink`
        ALTER USER `weir_sink` DEFAULT ROLE weir_writes
        CREATE USER IF NOT EXISTS `weir_api` HOST NONE SETTINGS PROFILE weir_asks
        GRANT weir_reads TO `weir_api`
        ALTER USER `weir_api` DEFAULT ROLE weir_reads
        ");
    }

    #[test]
    fn a_tenant_reads_what_has_a_policy_or_says_nothing_of_anybody() {
        let all = made(&["acme".to_owned(), "o'neil".to_owned()]);
        let of = |head: &str, role: &str| -> Vec<&String> {
            let ends = format!("TO {}", ident(role));
            let all = all.iter();
            all.filter(|s| s.starts_with(head) && s.ends_with(&ends))
                .collect()
        };
        let (policies, grants) = (
            of("CREATE ROW POLICY", "weir_tenant_acme"),
            of("GRANT SELECT", "weir_tenant_acme"),
        );
        assert!(policies.len() > 60, "{}", policies.len());
        let policy = "CREATE ROW POLICY IF NOT EXISTS `weir_tenant_acme` ON `weir`.`kpis_log` \
             FOR SELECT USING tenant = 'acme' TO `weir_tenant_acme`";
        assert!(policies.iter().any(|p| *p == policy), "{policies:#?}");
        for unshared in ["migrations", "backtest_kpis"] {
            let table = format!("`{unshared}`");
            assert!(!grants.iter().any(|g| g.contains(&table)), "{unshared}");
        }
        // Each table that is granted has a policy; the others are views, and what is shared.
        let catalog = Catalog::embedded().unwrap_or_else(|e| panic!("{e}"));
        let views = migrate::view_names(&catalog).unwrap_or_else(|e| panic!("{e}"));
        for grant in grants {
            let name = grant.split('`').nth(3).unwrap_or_default();
            let shown = views.iter().any(|v| v == name) || SHARED.contains(&name);
            let on = format!("ON `weir`.`{name}` ");
            assert!(shown || policies.iter().any(|p| p.contains(&on)), "{grant}");
        }
        // A quote in a name ends no text.
        assert!(all.iter().any(|s| s.contains(r"tenant = 'o\'neil'")));
        // Who reads all still does, where a policy is.
        let open = all
            .iter()
            .filter(|s| s.ends_with("USING 1 TO weir_writes, weir_reads"));
        assert_eq!(open.count(), policies.len());
    }
}
