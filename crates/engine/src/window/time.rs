//! Window arithmetic: sizes, and days in the tenants' zones, computed once and remembered.

use crate::detect::LocalHours;
use std::collections::BTreeMap;
use weir_catalog::types::Tenants;
use weir_model::{Micros, Since, WindowSize};

/// A window size, as an index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Size(u8);

pub(crate) const MINUTE: Size = Size(0);
pub(crate) const FIVE: Size = Size(1);
pub(crate) const HOUR: Size = Size(2);
pub(crate) const DAY: Size = Size(3);

pub(crate) const FIVE_MINUTES: Micros = WindowSize::FiveMinutes.length();

impl Size {
    pub const ALL: [Size; 4] = [MINUTE, FIVE, HOUR, DAY];

    pub const fn index(self) -> usize {
        self.0 as usize
    }
    pub const fn window(self) -> WindowSize {
        WindowSize::ALL[self.0 as usize]
    }
    /// The number that stands for it in keys and snapshots.
    pub const fn code(self) -> u8 {
        self.0
    }
    pub const fn from_code(code: u8) -> Option<Size> {
        if code < 4 { Some(Size(code)) } else { None }
    }
}

impl From<WindowSize> for Size {
    fn from(w: WindowSize) -> Size {
        match w {
            WindowSize::Minute => MINUTE,
            WindowSize::FiveMinutes => FIVE,
            WindowSize::Hour => HOUR,
            WindowSize::Day => DAY,
        }
    }
}

/// When the watermark lets go of a window that ends at `end`: a day that does not end on five
/// minutes (a zone of the distant past) waits for the five minutes that it ends in.
pub(crate) fn due(end: Micros) -> Micros {
    let floor = end.floor(FIVE_MINUTES);
    if floor == end || end.floor(Micros::MINUTE) == end {
        end
    } else {
        floor.plus(FIVE_MINUTES)
    }
}

/// Index of a tenant's zone; [`Days::DEFAULT`] for those not named.
pub(crate) type ZoneId = u16;

/// Days and hours of the week by zone. A cache: it holds nothing that the zones do not say.
pub(crate) struct Days {
    tenants: Tenants,
    zones: Vec<Zone>,
}

struct Zone {
    zone: jiff::tz::TimeZone,
    /// Start -> end of the days met.
    days: BTreeMap<Micros, Micros>,
    last: (Micros, Micros),
    hours: LocalHours,
    /// The month met last.
    month: (Micros, Micros),
    back: (Micros, u16, Micros),
}

/// Days remembered per zone before the memory starts anew.
const REMEMBERED: usize = 4096;

impl Days {
    pub fn new(tenants: &Tenants) -> Days {
        let zones = tenants
            .zones
            .iter()
            .map(|(_, z)| z)
            .chain([&tenants.default_zone]);
        Days {
            zones: zones
                .map(|z| Zone {
                    zone: z.clone(),
                    days: BTreeMap::new(),
                    last: (Micros(0), Micros(0)),
                    hours: LocalHours::new(z.clone()),
                    month: (Micros(0), Micros(0)),
                    back: (Micros::MIN, 0, Micros::MIN),
                })
                .collect(),
            tenants: tenants.clone(),
        }
    }

    /// The zone of a tenant.
    pub fn zone_id(&self, tenant: &str) -> ZoneId {
        let at = self
            .tenants
            .zones
            .binary_search_by(|(t, _)| t.as_str().cmp(tenant));
        at.unwrap_or(self.tenants.zones.len()) as ZoneId
    }

    /// The window of a size that holds `t`.
    pub fn span(&mut self, size: Size, zone: ZoneId, t: Micros) -> (Micros, Micros) {
        if size != DAY {
            let width = size.window().length();
            let start = t.floor(width);
            return (start, start.plus(width));
        }
        self.zones[usize::from(zone)].day(t)
    }

    /// Whether the day that holds `t` is made of whole hours, so that it can grow out of them.
    pub fn of_hours(&mut self, zone: ZoneId, t: Micros) -> bool {
        let (start, end) = self.zones[usize::from(zone)].day(t);
        start.floor(Micros::HOUR) == start && end.floor(Micros::HOUR) == end
    }

    /// Start of the first of the `count` windows of which the last ends at `end`.
    pub fn back(&mut self, size: Size, zone: ZoneId, end: Micros, count: u16) -> Micros {
        if size != DAY {
            return Micros(end.0 - i64::from(count) * size.window().length().0);
        }
        let zone = &mut self.zones[usize::from(zone)];
        if (zone.back.0, zone.back.1) != (end, count) {
            let mut start = end;
            for _ in 0..count {
                start = zone.day(Micros(start.0 - 1)).0;
            }
            zone.back = (end, count, start);
        }
        zone.back.2
    }

    /// The period that holds `t`.
    pub fn period(&mut self, since: Since, zone: ZoneId, t: Micros) -> (Micros, Micros) {
        let zone = &mut self.zones[usize::from(zone)];
        match since {
            Since::Day => zone.day(t),
            Since::Month => {
                if t < zone.month.0 || zone.month.1 <= t {
                    zone.month = since.span(t, &zone.zone);
                }
                zone.month
            }
            Since::All => since.span(t, &zone.zone),
        }
    }

    /// Start of the period that a step ending at `end` belongs to, and end of the period's last
    /// step ([`Micros::MAX`]: it has none).
    pub fn period_of(
        &mut self,
        (since, step): (Since, Size),
        zone: ZoneId,
        end: Micros,
    ) -> (Micros, Micros) {
        // No window ends so early, but the bytes of a damaged snapshot may say so.
        let (start, until) = self.period(since, zone, Micros(end.0.saturating_sub(1)));
        if since == Since::All {
            return (start, until);
        }
        // A step that ends beyond the period belongs to the next one.
        (start, self.span(step, zone, until).0)
    }

    /// Hour of the week, Monday 0:00 being 0, local.
    pub fn hour_of_week(&mut self, zone: ZoneId, t: Micros) -> u8 {
        self.zones[usize::from(zone)].hours.hour_of_week(t)
    }
}

impl Zone {
    fn day(&mut self, t: Micros) -> (Micros, Micros) {
        if self.last.0 <= t && t < self.last.1 {
            return self.last;
        }
        if let Some((&start, &end)) = self.days.range(..=t).next_back()
            && t < end
        {
            self.last = (start, end);
            return self.last;
        }
        if self.days.len() >= REMEMBERED {
            self.days.clear();
        }
        self.last = WindowSize::Day.span(t, &self.zone);
        self.days.insert(self.last.0, self.last.1);
        self.last
    }
}
