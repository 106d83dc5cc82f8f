//! Users of SCRAM, which Kafka keeps in its own log.

use super::acls::text;
use rdkafka::bindings as native;
use std::ffi::CString;
use std::ptr;
use std::time::Duration;
use weir_runtime::config::Secret;

/// Rounds of hashing: the fewest that Kafka takes.
const ROUNDS: i32 = 4096;

/// Makes a user of SCRAM-SHA-512, or gives it another password.
pub(super) fn user(
    client: *mut native::rd_kafka_t,
    name: &str,
    password: &Secret,
    limit: Duration,
) -> Result<(), String> {
    let name = CString::new(name).map_err(|e| e.to_string())?;
    let password = password.expose().as_bytes();
    let millis = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client outlives this call, by the borrow of its owner; name and password live and
    // are copied; alteration and queue live until the result was taken or the time is over.
    unsafe {
        let mut alteration = native::rd_kafka_UserScramCredentialUpsertion_new(
            name.as_ptr(),
            native::rd_kafka_ScramMechanism_t::RD_KAFKA_SCRAM_MECHANISM_SHA_512,
            ROUNDS,
            password.as_ptr(),
            password.len(),
            ptr::null(),
            0,
        );
        if alteration.is_null() {
            return Err("the client library is built without SCRAM".to_owned());
        }
        let queue = native::rd_kafka_queue_new(client);
        native::rd_kafka_AlterUserScramCredentials(client, &mut alteration, 1, ptr::null(), queue);
        let event = native::rd_kafka_queue_poll(queue, millis);
        let done = match event.is_null() {
            true => Err("no answer".to_owned()),
            false => answer(event),
        };
        if !event.is_null() {
            native::rd_kafka_event_destroy(event);
        }
        native::rd_kafka_queue_destroy(queue);
        native::rd_kafka_UserScramCredentialAlteration_destroy(alteration);
        done
    }
}

/// # Safety
/// `event` is one, and lives.
unsafe fn answer(event: *mut native::rd_kafka_event_t) -> Result<(), String> {
    // SAFETY: by the caller; what the event leads to lives with it, and is looked at only here.
    unsafe {
        if native::rd_kafka_event_error(event) as i32 != 0 {
            return Err(text(native::rd_kafka_event_error_string(event)));
        }
        let result = native::rd_kafka_event_AlterUserScramCredentials_result(event);
        if result.is_null() {
            return Err("another answer".to_owned());
        }
        let mut n = 0;
        let each = native::rd_kafka_AlterUserScramCredentials_result_responses(result, &mut n);
        for i in 0..n {
            let response = *each.add(i);
            let error = native::rd_kafka_AlterUserScramCredentials_result_response_error(response);
            if !error.is_null() && native::rd_kafka_error_code(error) as i32 != 0 {
                return Err(text(native::rd_kafka_error_string(error)));
            }
        }
        Ok(())
    }
}
