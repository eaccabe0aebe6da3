//! The routes, one file a resource. A route reads the request, asks who may, and answers; what is
//! used by background tasks too lies beside this folder.

pub mod accounts;
pub mod assets;
pub mod batches;
pub mod health;
pub mod history;
pub mod labels;
pub mod renders;
pub mod schedules;
pub mod templates;
