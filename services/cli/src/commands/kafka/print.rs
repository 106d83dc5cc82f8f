//! ACLs as commands of Kafka's own tool, and as a table.

use weir_runtime::acl::Acl;

/// A line for each run of ACLs of one principal on one resource.
pub fn commands(all: &[Acl], host: &str) -> String {
    let same = |a: &Acl, b: &Acl| {
        (&a.principal, a.resource, &a.name, a.pattern)
            == (&b.principal, b.resource, &b.name, b.pattern)
    };
    let mut text = String::new();
    for acls in all.chunk_by(same) {
        let first = &acls[0];
        let operations: String = acls
            .iter()
            .map(|a| format!(" --operation {}", a.operation.label()))
            .collect();
        text.push_str(&format!(
            "kafka-acls.sh --bootstrap-server {} --command-config admin.properties --add \
             --allow-principal {}{operations} --{} {} --resource-pattern-type {}\n",
            quoted(host),
            quoted(&first.principal),
            first.resource.label(),
            quoted(&first.name),
            first.pattern.label(),
        ));
    }
    text
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":.,-_=/@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::acls::{self, Service};
    use super::*;
    use weir_runtime::acl::Pattern;

    /// The table of docs/security.md.
    fn table() -> String {
        let mut text = "| service | may | on |\n|---|---|---|\n".to_owned();
        for service in Service::ALL {
            for g in service.grants() {
                let operations: Vec<&str> = g.operations.iter().map(|o| o.label()).collect();
                let more = if g.pattern == Pattern::Prefixed {
                    "*"
                } else {
                    ""
                };
                text.push_str(&format!(
                    "| {} | {} | {} `{}{more}` |\n",
                    service.label(),
                    operations.join(", "),
                    g.resource.label(),
                    g.name,
                ));
            }
        }
        text
    }

    #[test]
    fn the_table_in_the_documents_is_this_list() {
        let text = include_str!("../../../../../docs/security.md");
        let made = table();
        let between = text
            .split_once("<!-- acls -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- /acls -->"))
            .map(|(between, _)| between.trim());
        assert!(
            between == Some(made.trim()),
            "docs/security.md: put this between its marks:\n{made}"
        );
    }

    #[test]
    fn commands_name_everything_once_and_nobody_may_more_than_is_listed() {
        let all = acls::all("User:CN={service},O=it's mine");
        let text = commands(&all, "broker:9093");
        let sink: Vec<&str> = text.lines().filter(|l| l.contains("CN=sink")).collect();
        assert!(
            sink.iter().all(|l| !l.contains("--operation write")),
            "{sink:?}"
        );
        assert!(sink[0].contains(r"--allow-principal 'User:CN=sink,O=it'\''s mine'"));
        assert!(sink[0].ends_with("--topic weir.events. --resource-pattern-type prefixed"));
        let operations = text.matches("--operation").count();
        assert_eq!(operations, all.len());
        assert!(!text.contains("--operation all"));
    }
}
