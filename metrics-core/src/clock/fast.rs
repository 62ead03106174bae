//! Whether the processor's counter can be trusted to measure calls.

/// The counters that Linux can keep time by and that quanta reads. The kernel watches them and takes another source when one is not steady;
/// inside of virtual machines it takes the hypervisor's clock where the counter may change with the machine.
const COUNTERS: [&str; 2] = ["tsc", "arch_sys_counter"];

#[cfg(target_os = "linux")]
const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// Tells whether the kernel itself keeps time by the counter. Where it does not tell, quanta's own judgement of the processor has to do.
#[cfg(target_os = "linux")]
pub(super) fn is_trusted() -> bool {
    match std::fs::read_to_string(CURRENT) {
        Ok(source) => is_counter(&source),
        Err(_) => true,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_trusted() -> bool {
    true
}

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "there is no list to look into")
)]
fn is_counter(source: &str) -> bool {
    COUNTERS.contains(&source.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_processors_own_counters_are_trusted() {
        for (source, trusted) in [
            ("tsc\n", true),
            ("arch_sys_counter\n", true),
            ("kvm-clock\n", false),
            ("hyperv_clocksource_tsc_page\n", false),
            ("xen\n", false),
            ("hpet\n", false),
            ("acpi_pm\n", false),
            ("", false),
        ] {
            assert_eq!(is_counter(source), trusted, "{source:?}");
        }
    }
}
