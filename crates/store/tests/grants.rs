//! The SQL of roles, users and policies is what ClickHouse's own parser reads. The embedded engine
//! has no users: nothing here runs it.
#![allow(clippy::unwrap_used, missing_docs)]

use weir_catalog::Catalog;
use weir_store::grants::Grants;
use weir_store::{Store, StoreConfig};

#[tokio::test]
async fn every_statement_is_read_by_clickhouse() {
    let store = Store::new(&StoreConfig {
        database: "default".into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    });
    let tenants = ["acme".to_owned(), "o'neil".to_owned()];
    let grants = Grants {
        database: "weir",
        tenants: &tenants,
    };
    let statements = grants.statements(&Catalog::embedded().unwrap()).unwrap();
    assert!(statements.len() > 500, "{}", statements.len());
    for statement in statements {
        let sql = format!("EXPLAIN AST {statement}");
        let read = store.scalar(&sql, &[]).await;
        assert!(matches!(&read, Ok(Some(_))), "{statement}: {read:?}");
    }
    // The parser does refuse what is none.
    let wrong = store.scalar("EXPLAIN AST GRANT READING ON weir.* TO a", &[]);
    assert!(wrong.await.is_err());
}
