//! Claims about live figures in the forms in which others take them.

use std::process::ExitCode;

use scrubjay::Scrubjay;
use scrubjay_tests::harness;

mod a_collector_fits_into_ones_own_registry;
mod a_page_ends_with_its_owner;
mod a_page_refuses_what_is_no_request;
mod a_page_serves_figures;
mod a_slow_client_holds_up_nobody_for_long;
mod instruments_tell_one_report;
mod names_of_tags_are_escaped;
mod open_metrics_says_what_the_report_says;
mod outsiders_do_not_reach_a_page;
mod panels_and_alerts_ask_for_what_is_exported;
mod publications_go_on_until_the_publisher_is_dropped;
mod the_facade_tells_what_the_report_says;
mod what_a_page_takes_is_scrubjays;

mod support;

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

fn main() -> ExitCode {
    harness::main(scrubjay_tests::claims![
        a_collector_fits_into_ones_own_registry,
        a_page_ends_with_its_owner,
        a_page_refuses_what_is_no_request,
        a_page_serves_figures,
        a_slow_client_holds_up_nobody_for_long,
        instruments_tell_one_report,
        names_of_tags_are_escaped,
        open_metrics_says_what_the_report_says,
        outsiders_do_not_reach_a_page,
        panels_and_alerts_ask_for_what_is_exported,
        publications_go_on_until_the_publisher_is_dropped,
        the_facade_tells_what_the_report_says,
        what_a_page_takes_is_scrubjays,
    ])
}
