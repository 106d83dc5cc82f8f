//! The open windows of one size, where they are many: pages in order, found by their first keys.

use super::page::{Page, Spot};
use std::collections::{VecDeque, vec_deque};

/// Bytes of a page beyond which another one is begun. Rows that grow, and a single one, may take
/// more: a page of several entries is halved at twice as many.
pub(super) const PAGE: usize = 2 << 10;

/// No page is empty.
#[derive(Default)]
pub(super) struct Run {
    pages: VecDeque<Page>,
}

impl Run {
    pub fn pages(&self) -> vec_deque::Iter<'_, Page> {
        self.pages.iter()
    }

    /// The pages from the one on where a key would stand.
    pub fn pages_from(&self, key: u64) -> vec_deque::Iter<'_, Page> {
        self.pages.range(self.page_of(key).min(self.pages.len())..)
    }

    pub fn page(&self, page: usize) -> &Page {
        &self.pages[page]
    }

    pub fn last(&self) -> Option<&Page> {
        self.pages.back()
    }

    /// Bytes held.
    pub fn capacity(&self) -> usize {
        let pages: usize = self.pages.iter().map(Page::capacity).sum();
        pages + self.pages.capacity() * size_of::<Page>()
    }

    /// The page where a key stands or would: the last that does not begin beyond it.
    fn page_of(&self, key: u64) -> usize {
        let begins = |page: &Page| page.first() <= Some(key);
        // Most are about the newest window or the oldest.
        match self.pages.back() {
            Some(last) if begins(last) => self.pages.len() - 1,
            _ => self.pages.partition_point(begins).saturating_sub(1),
        }
    }

    /// The page of a key, and where it stands in there, or would.
    #[inline]
    pub fn find(&self, key: u64) -> (usize, Result<Spot, usize>) {
        let page = self.page_of(key);
        let found = self.pages.get(page).map_or(Err(0), |p| p.find(key));
        (page, found)
    }

    /// Adds an entry behind all others.
    pub fn push(&mut self, key: u64, row: &[u8]) {
        let page = self.pages.len().saturating_sub(1);
        let at = self.pages.back().map_or(0, Page::len);
        self.insert((page, at), key, row);
    }

    /// Adds an entry where [`Run::find`] said.
    pub fn insert(&mut self, (page, at): (usize, usize), key: u64, row: &[u8]) {
        let more = Page::size_of(row);
        let Some(here) = self.pages.get_mut(page) else {
            self.add(page, Page::default(), key, row);
            return;
        };
        if here.len() + more <= PAGE {
            here.insert(at, key, row);
        } else if at == here.len() {
            // Windows open one after the other: more will follow the last.
            let room = if page + 1 == self.pages.len() {
                PAGE.max(more)
            } else {
                more
            };
            self.add(page + 1, Page::with_room(room), key, row);
        } else if at == 0 {
            self.add(page, Page::with_room(more), key, row);
        } else {
            let tail = here.split_off(at);
            let fits = here.len() + more <= PAGE;
            if fits {
                here.insert(at, key, row);
            }
            self.pages.insert(page + 1, tail);
            if !fits {
                self.add(page + 1, Page::with_room(more), key, row);
            }
        }
    }

    fn add(&mut self, page: usize, mut new: Page, key: u64, row: &[u8]) {
        new.insert(0, key, row);
        self.pages.insert(page, new);
    }

    /// Gives an entry another row; bytes that its page has now, with what was split from it.
    pub fn replace(&mut self, page: usize, at: &Spot, row: &[u8]) -> usize {
        let here = &mut self.pages[page];
        here.replace(at, row);
        let len = here.len();
        if len > 2 * PAGE
            && let Some(middle) = here.middle()
        {
            let tail = here.split_off(middle);
            self.pages.insert(page + 1, tail);
        }
        len
    }

    /// Removes an entry, and its page with the last of them.
    pub fn remove(&mut self, page: usize, at: &Spot) {
        let here = &mut self.pages[page];
        here.remove(at);
        if here.is_empty() {
            self.pages.remove(page);
        }
        if self.pages.is_empty() {
            self.pages = VecDeque::new();
        }
    }
}
