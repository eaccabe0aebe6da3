//! The stand-ins: an engine and an object store for machines that have neither. They run as child
//! processes and are reached over HTTP only. They do not depend on drills, so no check can share
//! their logic.

#![warn(unreachable_pub)]

pub mod engine;
pub mod objects;
