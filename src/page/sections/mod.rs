//! The sections of the page, one file each, in their order.

mod findings;
mod glance;
mod keys;
mod limits;
mod read;
mod refusals;
mod review;
mod sharing;
mod sign;
mod uses;

pub(super) use findings::findings;
pub(super) use glance::glance;
pub(super) use keys::keys;
pub(super) use limits::limits;
pub(super) use read::read;
pub(super) use refusals::refusals;
pub(super) use sharing::sharing;
pub(super) use sign::sign;
pub(super) use uses::uses;
