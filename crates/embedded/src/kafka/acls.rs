//! Who may do what: ACLs of the cluster. Those who do not say who they are may do what producers of
//! events need, and read.

use rdkafka::bindings as native;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;
use weir_runtime::acl::{self, Acl};

use native::rd_kafka_AclOperation_t as Operation;
use native::rd_kafka_AclPermissionType_t as Permission;
use native::rd_kafka_ResourcePatternType_t as Pattern;
use native::rd_kafka_ResourceType_t as Resource;

/// How Kafka calls a client that does not say who it is.
const ANYBODY: &CStr = c"User:ANONYMOUS";
/// Names that weir's own groups and transactional ids begin with.
const OWN: &CStr = c"weir-";

/// One line of the list.
struct Rule {
    on: Resource,
    name: &'static CStr,
    pattern: Pattern,
    operation: Operation,
    permission: Permission,
}

const fn may(on: Resource, name: &'static CStr, pattern: Pattern, operation: Operation) -> Rule {
    Rule {
        on,
        name,
        pattern,
        operation,
        permission: Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
    }
}

/// Nothing of what is weir's own, although all others may.
const fn not_own(on: Resource) -> Rule {
    Rule {
        on,
        name: OWN,
        pattern: Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        operation: Operation::RD_KAFKA_ACL_OPERATION_ALL,
        permission: Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
    }
}

/// Who may write to one topic may write idempotently; who may write or read may describe.
const RULES: [Rule; 6] = [
    may(
        Resource::RD_KAFKA_RESOURCE_TOPIC,
        c"weir.events.",
        Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        Operation::RD_KAFKA_ACL_OPERATION_WRITE,
    ),
    may(
        Resource::RD_KAFKA_RESOURCE_TOPIC,
        c"weir.",
        Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        Operation::RD_KAFKA_ACL_OPERATION_READ,
    ),
    may(
        Resource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID,
        c"*",
        Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        Operation::RD_KAFKA_ACL_OPERATION_WRITE,
    ),
    not_own(Resource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID),
    may(
        Resource::RD_KAFKA_RESOURCE_GROUP,
        c"*",
        Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        Operation::RD_KAFKA_ACL_OPERATION_READ,
    ),
    not_own(Resource::RD_KAFKA_RESOURCE_GROUP),
];

/// Adds the rules to those of the cluster, where it does not have them.
pub(super) fn grant(client: *mut native::rd_kafka_t, limit: Duration) -> Result<(), String> {
    let mut bindings = Bindings(Vec::new());
    for rule in &RULES {
        bindings.0.push(binding(ANYBODY, rule.name, rule)?);
    }
    create(client, bindings, limit)
}

/// Adds ACLs to those of the cluster, where it does not have them.
pub(super) fn allow(
    client: *mut native::rd_kafka_t,
    acls: &[Acl],
    limit: Duration,
) -> Result<(), String> {
    let mut bindings = Bindings(Vec::new());
    for acl in acls {
        let text = |t: &str| CString::new(t).map_err(|e| format!("{t:?}: {e}"));
        let rule = may(
            match acl.resource {
                acl::Resource::Topic => Resource::RD_KAFKA_RESOURCE_TOPIC,
                acl::Resource::Group => Resource::RD_KAFKA_RESOURCE_GROUP,
                acl::Resource::TransactionalId => Resource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID,
            },
            c"",
            match acl.pattern {
                acl::Pattern::Literal => Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                acl::Pattern::Prefixed => Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
            },
            match acl.operation {
                acl::Operation::Read => Operation::RD_KAFKA_ACL_OPERATION_READ,
                acl::Operation::Write => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
                acl::Operation::Describe => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE,
                acl::Operation::Create => Operation::RD_KAFKA_ACL_OPERATION_CREATE,
                acl::Operation::Delete => Operation::RD_KAFKA_ACL_OPERATION_DELETE,
            },
        );
        let (who, name) = (text(&acl.principal)?, text(&acl.name)?);
        bindings.0.push(binding(&who, &name, &rule)?);
    }
    create(client, bindings, limit)
}

fn create(
    client: *mut native::rd_kafka_t,
    mut bindings: Bindings,
    limit: Duration,
) -> Result<(), String> {
    let millis = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client outlives this call, by the borrow of its owner; queue and bindings live
    // until the result was taken or the time is over, and the library copies what it is given.
    unsafe {
        let queue = native::rd_kafka_queue_new(client);
        native::rd_kafka_CreateAcls(
            client,
            bindings.0.as_mut_ptr(),
            bindings.0.len(),
            ptr::null(),
            queue,
        );
        let event = native::rd_kafka_queue_poll(queue, millis);
        let granted = if event.is_null() {
            Err("no answer".to_owned())
        } else {
            answer(event)
        };
        if !event.is_null() {
            native::rd_kafka_event_destroy(event);
        }
        native::rd_kafka_queue_destroy(queue);
        granted
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
        let result = native::rd_kafka_event_CreateAcls_result(event);
        if result.is_null() {
            return Err("another answer".to_owned());
        }
        let mut n = 0;
        let each = native::rd_kafka_CreateAcls_result_acls(result, &mut n);
        for i in 0..n {
            let error = native::rd_kafka_acl_result_error(*each.add(i));
            if !error.is_null() {
                return Err(text(native::rd_kafka_error_string(error)));
            }
        }
        Ok(())
    }
}

/// Rules as the library has them.
struct Bindings(Vec<*mut native::rd_kafka_AclBinding_t>);

impl Drop for Bindings {
    fn drop(&mut self) {
        for binding in &self.0 {
            // SAFETY: made by the library, owned here, not used any more.
            unsafe { native::rd_kafka_AclBinding_destroy(*binding) }
        }
    }
}

fn binding(
    who: &CStr,
    name: &CStr,
    rule: &Rule,
) -> Result<*mut native::rd_kafka_AclBinding_t, String> {
    let mut said: [c_char; 256] = [0; 256];
    // SAFETY: all texts end with zero and live; the buffer is as long as is said.
    unsafe {
        let binding = native::rd_kafka_AclBinding_new(
            rule.on,
            name.as_ptr(),
            rule.pattern,
            who.as_ptr(),
            c"*".as_ptr(),
            rule.operation,
            rule.permission,
            said.as_mut_ptr(),
            said.len(),
        );
        match binding.is_null() {
            true => Err(text(said.as_ptr())),
            false => Ok(binding),
        }
    }
}

/// # Safety
/// `text` ends with zero, and lives.
pub(super) unsafe fn text(text: *const c_char) -> String {
    // SAFETY: by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
