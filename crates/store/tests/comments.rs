//! Whoever looks at the store with a tool is told what every table, view and column is.
#![allow(clippy::unwrap_used)]

use weir_catalog::Catalog;
use weir_store::{Store, StoreConfig, built_in};

#[tokio::test]
async fn every_table_view_and_column_says_what_it_is() {
    let config = StoreConfig {
        database: "comments".into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    };
    let store = Store::new(&config);
    let catalog = Catalog::embedded().unwrap();
    store.prepare(&built_in(), &catalog).await.unwrap();
    let stop = || false;
    let told = store.describe(&catalog, &stop).await.unwrap();
    assert!(told > 300, "{told}");
    let bare = "SELECT concat(table, '.', name) FROM system.columns \
                WHERE database = currentDatabase() AND comment = '' ORDER BY 1";
    assert_eq!(
        store.fetch::<String>(bare).await.unwrap(),
        Vec::<String>::new()
    );
    let bare = "SELECT name FROM system.tables WHERE database = currentDatabase() \
                AND (comment = '' OR startsWith(comment, 'made by weir')) ORDER BY 1";
    assert_eq!(
        store.fetch::<String>(bare).await.unwrap(),
        Vec::<String>::new()
    );
    // What is there is not written again, and nothing is made anew because of it.
    assert_eq!(store.describe(&catalog, &stop).await.unwrap(), 0);
    let again = store.prepare(&built_in(), &catalog).await.unwrap();
    assert!(again.applied.is_empty() && again.columns.is_empty());
    assert_eq!(store.describe(&catalog, &stop).await.unwrap(), 0);
}
