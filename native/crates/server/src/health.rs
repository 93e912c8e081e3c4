//! Asks targets for their health, on a thread of its own: data threads only read what came of it.
//!
//! One task a target. A check is a GET that must be answered with 2xx within its time, over a connection of its own; it carries
//! no credential. What a check finds counts from the next call on.

use crate::answers::Exchange;
use crate::metrics::ThreadMetrics;
use crate::panics::{Contained, Vital};
use crate::pool::{Connected, Pool};
use crate::shared::Shared;
use crate::upstream::RequestBody;
use http::{HeaderValue, Request, header};
use portazgo_core::fault::Fault;
use portazgo_core::forward::CheckPolicy;
use portazgo_core::ids::Id;
use portazgo_core::snapshot::{Backend, Environment, Known, Snapshot, Target};
use portazgo_core::time::Monotonic;
use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::{sleep, timeout};

/// The thread of the checks.
pub(crate) struct Checker {
    news: watch::Sender<bool>,
    join: Option<std::thread::JoinHandle<()>>,
}

/// Which check: of what, by which policy.
type Checked = (Id, &'static str, String);

struct Running {
    policy: CheckPolicy,
    target: Arc<Target>,
    task: AbortHandle,
}

impl Checker {
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (news, mut heard) = watch::channel(false);
        let join = std::thread::Builder::new().name("health".to_owned()).spawn(move || {
            let _vital = Vital("health");
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs only file descriptors");
            LocalSet::new().block_on(&runtime, async {
                let mut running = HashMap::new();
                let pool = Rc::new(Pool::default());
                loop {
                    if *heard.borrow_and_update() {
                        return;
                    }
                    if let Some(snapshot) = shared.snapshot.load_full().as_ref() {
                        follow(&mut running, snapshot, &pool);
                    }
                    if heard.changed().await.is_err() {
                        return;
                    }
                }
            });
            runtime.shutdown_timeout(Duration::from_millis(100));
        })?;
        Ok(Self { news, join: Some(join) })
    }

    /// A snapshot was applied.
    pub(crate) fn look_again(&self) {
        self.news.send_replace(false);
    }

    pub(crate) fn stop(&mut self) {
        self.news.send_replace(true);
        if let Some(join) = self.join.take() {
            let _ = join.join();
        }
    }
}

/// Check what the snapshot says, and nothing else. A check that is still to be made goes on undisturbed.
fn follow(running: &mut HashMap<Checked, Running>, snapshot: &Snapshot, pool: &Rc<Pool>) {
    let mut wanted = HashMap::new();
    for backend in snapshot.backends().filter_map(Known::understood) {
        for environment in [Environment::Live, Environment::Test] {
            wanted.extend(checks(backend, environment));
        }
    }
    running.retain(|name, one| {
        let goes_on = wanted.get(name).is_some_and(|(policy, target): &(CheckPolicy, Arc<Target>)| {
            *policy == one.policy && Arc::ptr_eq(&target.state, &one.target.state)
        });
        if !goes_on {
            one.task.abort();
            // Who is not asked is not ill.
            one.target.state.set_health(Ok(()));
        }
        goes_on
    });
    for (name, (policy, target)) in wanted {
        running.entry(name).or_insert_with(|| {
            let task = tokio::task::spawn_local(watch_over(Rc::clone(pool), Arc::clone(&target), policy.clone()))
                .abort_handle();
            Running { policy, target, task }
        });
    }
}

fn checks(backend: &Backend, environment: Environment) -> Vec<(Checked, (CheckPolicy, Arc<Target>))> {
    let Some(there) = backend.environment(environment) else {
        return Vec::new();
    };
    let Some(policy) = &there.forwarding.check else {
        return Vec::new();
    };
    let name = |target: &Arc<Target>| (backend.id, environment.as_str(), target.key.clone());
    there.targets.iter().map(|target| (name(target), (policy.clone(), Arc::clone(target)))).collect()
}

/// Ask again and again. A target counts as healthy until checks have failed so often in a row.
async fn watch_over(pool: Rc<Pool>, target: Arc<Target>, policy: CheckPolicy) {
    let interval = Duration::from_millis(u64::from(policy.interval_ms));
    let metrics = ThreadMetrics::default();
    let mut in_row = 0;
    loop {
        let healthy = target.state.is_healthy();
        let asked = pin!(ask(&pool, &target, &policy, &metrics));
        // A check that panics has failed: the next one is made all the same.
        let found = Contained::new(asked).await.unwrap_or_else(|_panic| Err("a panic of the gateway".to_owned()));
        if found.is_ok() == healthy {
            in_row = 0;
        } else {
            in_row += 1;
        }
        let turns = in_row >= if healthy { policy.unhealthy } else { policy.healthy };
        if turns || (!healthy && found.is_err()) {
            // What ails it may change while it is ill.
            target.state.set_health(found);
        }
        if turns {
            in_row = 0;
        }
        sleep(interval).await;
    }
}

/// The error says what is wrong: a fault's code, or the status.
async fn ask(pool: &Pool, target: &Target, policy: &CheckPolicy, metrics: &ThreadMetrics) -> Result<(), String> {
    let within = Duration::from_millis(u64::from(policy.timeout_ms));
    let answered = timeout(within, async {
        match pool.connect(target, target.http2, within, false, Monotonic(0), metrics).await? {
            Connected::Own(mut own) => {
                let broke_off = |exchange: &Exchange| exchange.fault().unwrap_or(Fault::BackendResetBeforeHeaders);
                own.sender.ready().await.map_err(|_| broke_off(&own.exchange))?;
                own.exchange.begin(false);
                let mut request = request(policy);
                request.headers_mut().insert(header::HOST, target.host.clone());
                let answer = own.sender.send_request(request).await;
                answer.map(|response| response.status()).map_err(|_| broke_off(&own.exchange))
            }
            Connected::Line(line) => {
                let mut exchange = line.send(request(policy)).map_err(|_| Fault::BackendResetBeforeHeaders)?;
                exchange.head().await.map(|response| response.status()).map_err(|broken| broken.fault)
            }
        }
    });
    match answered.await {
        Ok(Ok(status)) if status.is_success() => Ok(()),
        Ok(Ok(status)) => Err(format!("status {}", status.as_u16())),
        Ok(Err(fault)) => Err(fault.code().to_owned()),
        Err(_) => Err(format!("no answer within {} ms", policy.timeout_ms)),
    }
}

fn request(policy: &CheckPolicy) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::empty());
    // Paths were checked at apply.
    if let Ok(path) = policy.path.parse() {
        *request.uri_mut() = path;
    }
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("portazgo-health-check"));
    request
}
