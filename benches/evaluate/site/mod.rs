//! Days of a whole site, packet by packet through the sensor: what is alerted on by mistake, and
//! what of the hostile programs is found.

mod benign;
mod hostile;
mod watch;

pub use benign::run as benign;
pub use hostile::run as hostile;
