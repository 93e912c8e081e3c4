//! From the lines of an update, over the snapshot before it, to the next snapshot. All or nothing.

use super::update::{Refused, Step, Update};
use super::wire::{
    ApplicationBody, BackendBody, BackendEnvironmentBody, CredentialBody, Deletion, IssuerBody, KeyBody, PartnerBody, PlanBody, QueryBody,
    ResourceLine, RouteBody, RouteOutline, SigningKeyBody, Standing,
};
use super::{
    Application, Backend, BackendEnvironment, Issuer, Key, Known, Partner, Plan, QueryPolicy, Route, RouteAction, SecretDigest, SigningKey,
    SigningState, Snapshot,
};
use crate::credential::{ClaimsTemplate, CredentialPolicy, MintPolicy, Signer, TokenTable};
use crate::ids::{Id, Kid};
use crate::limit::{PartnerCells, Throttle};
use crate::network::Network;
use crate::route::{PathBuilder, RouteIndex, Router, Template};
use aws_lc_rs::hmac;
use std::sync::Arc;

/// Whether secrets must be there. The control plane checks what it is about to commit and has no node's secrets at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// As on a node.
    Required,
    /// As in a check.
    Absent,
}

impl Update {
    /// The snapshot after this update. `base` is the one before; a whole snapshot takes only throttle cells and tokens from it.
    pub fn apply(&self, base: Option<&Snapshot>) -> Result<Snapshot, Refused> {
        Compiler::new(self, base, Secrets::Required)?.run()
    }

    /// Check each resource by itself, without secrets and without what it refers to.
    pub fn validate(&self) -> Result<(), Refused> {
        let mut compiler = Compiler { update: self, base: None, next: Snapshot::default(), secrets: Secrets::Absent, routes: false, issuers: false };
        compiler.steps()?;
        compiler.rebuild_router()
    }
}

struct Compiler<'a> {
    update: &'a Update,
    base: Option<&'a Snapshot>,
    next: Snapshot,
    secrets: Secrets,
    routes: bool,
    issuers: bool,
}

impl<'a> Compiler<'a> {
    fn new(update: &'a Update, base: Option<&'a Snapshot>, secrets: Secrets) -> Result<Self, Refused> {
        let (history, revision, hash) = update.position().ok_or_else(|| Refused::new("line 1", "the stream is empty"))?;
        let mut next = match (update.from(), base) {
            (None, _) => Snapshot::default(),
            (Some(from), Some(base)) if base.revision == from && base.history == history => base.clone(),
            (Some(from), _) => return Err(Refused::new("line 1", format!("these changes go on from revision {from}, which this node is not at"))),
        };
        next.history = history.to_owned();
        next.revision = revision;
        next.hash = hash.to_owned();
        let whole = update.from().is_none();
        Ok(Self { update, base, next, secrets, routes: whole, issuers: whole })
    }

    fn run(mut self) -> Result<Snapshot, Refused> {
        self.steps()?;
        if self.routes {
            self.rebuild_router()?;
        }
        if self.issuers {
            self.rebuild_jwks();
        }
        self.check_references()?;
        Ok(self.next)
    }

    fn steps(&mut self) -> Result<(), Refused> {
        for step in &self.update.steps {
            match step {
                Step::Put { resource, revision, understood } => self.put(resource, *revision, *understood)?,
                Step::Delete(deletion) => self.delete(deletion)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, line: &ResourceLine, revision: u64, understood: bool) -> Result<(), Refused> {
        match line.kind.as_str() {
            "partner" => {
                let id = id_of(line)?;
                let partner = if understood { Known::Yes(Arc::new(self.partner(line, revision)?)) } else { Known::Outdated };
                self.next.partners.insert(id, partner);
            }
            "application" => {
                let id = id_of(line)?;
                let application = if understood { Known::Yes(Arc::new(application(line, revision)?)) } else { Known::Outdated };
                self.next.applications.insert(id, application);
            }
            "key" => {
                let kid = kid_of(&line.id, line)?;
                let key = if understood { Known::Yes(Arc::new(key(line, revision)?)) } else { Known::Outdated };
                self.next.keys.put(kid, key);
            }
            "plan" => {
                let id = id_of(line)?;
                let plan = if understood { Known::Yes(Arc::new(plan(line)?)) } else { Known::Outdated };
                self.next.plans.insert(id, plan);
            }
            "backend" => {
                let id = id_of(line)?;
                let backend = if understood { Known::Yes(Arc::new(backend(line, revision)?)) } else { Known::Outdated };
                self.next.backends.insert(id, backend);
            }
            "route" => {
                let route = if understood { route(line)? } else { outdated_route(line)? };
                self.next.routes_by_id.insert(route.id, Arc::new(route));
                self.routes = true;
            }
            "pepper" if understood => self.pepper(line)?,
            "issuer" if understood => {
                let body: IssuerBody = body_of(line)?;
                self.next.issuers.insert(id_of(line)?, Arc::new(Issuer { url: body.url }));
                self.issuers = true;
            }
            "signing_key" if understood => {
                let key = self.signing_key(line, revision)?;
                self.next.signing_keys.insert(line.id.clone(), Arc::new(key));
                self.issuers = true;
            }
            // A kind from the future: whatever depends on it names its feature, and is answered with node_outdated.
            _ => {}
        }
        Ok(())
    }

    fn delete(&mut self, deletion: &Deletion) -> Result<(), Refused> {
        let place = || format!("delete {} {}", deletion.kind, deletion.id);
        let id = || Id::parse(&deletion.id).ok_or_else(|| Refused::new(place(), "not an id"));
        match deletion.kind.as_str() {
            "partner" => _ = self.next.partners.remove(&id()?),
            "application" => _ = self.next.applications.remove(&id()?),
            "key" => self.next.keys.delete(Kid::parse(deletion.id.as_bytes()).ok_or_else(|| Refused::new(place(), "not a kid"))?),
            "plan" => _ = self.next.plans.remove(&id()?),
            "backend" => _ = self.next.backends.remove(&id()?),
            "route" => {
                self.next.routes_by_id.remove(&id()?);
                self.routes = true;
            }
            "pepper" => {
                let version: u32 = deletion.id.parse().map_err(|_| Refused::new(place(), "not a version"))?;
                self.next.peppers.remove(&version);
            }
            "issuer" => {
                self.next.issuers.remove(&id()?);
                self.issuers = true;
            }
            "signing_key" => {
                self.next.signing_keys.remove(&deletion.id);
                self.issuers = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn partner(&self, line: &ResourceLine, version: u64) -> Result<Partner, Refused> {
        let body: PartnerBody = body_of(line)?;
        let id = id_of(line)?;
        // A partner that changes keeps its throttle cells: a rename is no fresh burst.
        let known = self.next.partners.get(&id).or_else(|| self.base.and_then(|base| base.partners.get(&id)));
        let cells = match known {
            Some(Known::Yes(before)) => Arc::clone(&before.cells),
            _ => Arc::new(PartnerCells::default()),
        };
        Ok(Partner { id, name: body.name, active: body.status == Standing::Active, metadata: body.metadata, version, cells })
    }

    fn pepper(&mut self, line: &ResourceLine) -> Result<(), Refused> {
        let version: u32 = line.id.parse().map_err(|_| Refused::new(place(line), "a pepper's id is its version, a number"))?;
        if self.secrets == Secrets::Absent {
            return Ok(());
        }
        let secret = self.secret(&format!("pepper/{version}"), line)?;
        self.next.peppers.insert(version, Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)));
        Ok(())
    }

    fn signing_key(&self, line: &ResourceLine, version: u64) -> Result<SigningKey, Refused> {
        let body: SigningKeyBody = body_of(line)?;
        if body.algorithm != "ES256" {
            return Err(Refused::new(format!("{}, algorithm", place(line)), format!("{:?} is not ES256", body.algorithm)));
        }
        let signer = if self.secrets == Secrets::Required && body.state != SigningState::Retired {
            let secret = self.secret(&format!("signing_key/{}", line.id), line)?;
            Some(Signer::from_pkcs8(secret).map_err(|why| Refused::new(place(line), why))?)
        } else {
            None
        };
        let issuer = parse_id(&body.issuer, line, "issuer")?;
        Ok(SigningKey { kid: line.id.clone(), issuer, public_jwk: body.public_jwk, state: body.state, signer, version })
    }

    fn secret(&self, context: &str, line: &ResourceLine) -> Result<&[u8], Refused> {
        let found = self.update.secrets.get(context).map(Vec::as_slice);
        found.ok_or_else(|| Refused::new(place(line), "its secret was not unwrapped"))
    }

    fn rebuild_router(&mut self) -> Result<(), Refused> {
        let mut routes: Vec<Arc<Route>> = self.next.routes_by_id.values().cloned().collect();
        routes.sort_unstable_by_key(|route| route.id);
        let mut router = Router::default();
        for (index, route) in routes.iter().enumerate() {
            let hosts: Vec<Option<&str>> = match &route.hosts {
                Some(hosts) => hosts.iter().map(|host| Some(host.as_str())).collect(),
                None => vec![None],
            };
            for host in hosts {
                router.insert(host, &route.method, &route.path, RouteIndex(index as u32)).map_err(|other| {
                    let other = &routes[other.0 as usize];
                    Refused::new(format!("route {} ({})", route.id, route.name), format!("the route {} has the same host, method and path", other.name))
                })?;
            }
        }
        self.next.routes = routes;
        self.next.router = router;
        Ok(())
    }

    fn rebuild_jwks(&mut self) {
        let mut keys: Vec<&Arc<SigningKey>> = self.next.signing_keys.values().collect();
        keys.sort_unstable_by(|a, b| a.kid.cmp(&b.kid));
        let published: Vec<&serde_json::Value> = keys.iter().map(|key| &key.public_jwk).collect();
        self.next.jwks = serde_json::json!({ "keys": published }).to_string().into();
        let mut urls: Vec<&str> = self.next.issuers.values().map(|issuer| issuer.url.as_str()).collect();
        urls.sort_unstable();
        self.next.discovery = urls.first().map_or_else(String::new, |url| discovery(url)).into();
    }

    /// What a resource names must be there: a node that finds a hole at request time could only guess.
    fn check_references(&self) -> Result<(), Refused> {
        for (id, application) in &self.next.applications {
            if let Known::Yes(application) = application
                && !self.next.partners.contains_key(&application.partner)
            {
                return Err(Refused::new(format!("application {id}, partner"), format!("there is no partner {}", application.partner)));
            }
        }
        for (id, route) in &self.next.routes_by_id {
            if let Some(action) = &route.action
                && !self.next.backends.contains_key(&action.backend)
            {
                return Err(Refused::new(format!("route {id}, backend"), format!("there is no backend {}", action.backend)));
            }
        }
        if self.update.from().is_none() {
            self.check_keys()?;
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), Refused> {
        for (kid, key) in self.next.keys.iter() {
            if let Known::Yes(key) = key
                && !self.next.applications.contains_key(&key.application)
            {
                return Err(Refused::new(format!("key {kid:?}, application"), format!("there is no application {}", key.application)));
            }
        }
        Ok(())
    }
}

/// OpenID Connect Discovery 1.0, section 4, as far as a verifier of our tokens needs it.
fn discovery(issuer: &str) -> String {
    serde_json::json!({
        "issuer": issuer,
        "jwks_uri": format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
    .to_string()
}

fn application(line: &ResourceLine, version: u64) -> Result<Application, Refused> {
    let body: ApplicationBody = body_of(line)?;
    Ok(Application {
        id: id_of(line)?,
        name: body.name,
        partner: parse_id(&body.partner, line, "partner")?,
        environment: body.environment,
        active: body.status == Standing::Active,
        plan: body.plan.as_deref().map(|plan| parse_id(plan, line, "plan")).transpose()?,
        metadata: body.metadata,
        version,
        tokens: TokenTable::default(),
    })
}

fn key(line: &ResourceLine, version: u64) -> Result<Key, Refused> {
    let body: KeyBody = body_of(line)?;
    if body.secrets.is_empty() || body.secrets.len() > 2 {
        return Err(Refused::new(format!("{}, secrets", place(line)), "a key has one or two secrets"));
    }
    let mut secrets = Vec::with_capacity(body.secrets.len());
    for secret in &body.secrets {
        let digest = digest(&secret.digest).ok_or_else(|| Refused::new(format!("{}, digest", place(line)), "not 64 hexadecimal digits"))?;
        secrets.push(SecretDigest { slot: secret.slot, digest, pepper: secret.pepper, ends_at_us: secret.ends_at_us });
    }
    let mut networks = None;
    for text in body.networks.iter().flatten() {
        let network = Network::parse(text).ok_or_else(|| Refused::new(format!("{}, networks", place(line)), format!("{text:?} is no network")))?;
        networks.get_or_insert_with(Vec::new).push(network);
    }
    Ok(Key {
        kid: kid_of(&line.id, line)?,
        application: parse_id(&body.application, line, "application")?,
        status: body.status,
        name: body.name,
        secrets,
        expires_at_us: body.expires_at_us,
        scopes: body.scopes,
        // An empty list admits nobody; only null means anywhere.
        networks: if body.networks.is_some() { Some(networks.unwrap_or_default()) } else { None },
        version,
    })
}

fn plan(line: &ResourceLine) -> Result<Plan, Refused> {
    let body: PlanBody = body_of(line)?;
    let apis = body.apis.iter().map(|api| parse_id(api, line, "apis")).collect::<Result<_, _>>()?;
    let mut throttles = Vec::with_capacity(body.throttles.len());
    for throttle in &body.throttles {
        let at = || format!("{}, throttle {}", place(line), throttle.name);
        if throttle.per != "key" {
            return Err(Refused::new(at(), format!("per {:?} is not \"key\"", throttle.per)));
        }
        throttles.push(Throttle::new(&throttle.name, throttle.quota, throttle.window_seconds, throttle.burst).map_err(|why| Refused::new(at(), why))?);
    }
    Ok(Plan { id: id_of(line)?, name: body.name, apis, scopes: body.scopes, throttles })
}

fn backend(line: &ResourceLine, version: u64) -> Result<Backend, Refused> {
    let body: BackendBody = body_of(line)?;
    let live = body.environments.live.as_ref().map(|one| backend_environment(line, "live", one)).transpose()?;
    let test = body.environments.test.as_ref().map(|one| backend_environment(line, "test", one)).transpose()?;
    Ok(Backend { id: id_of(line)?, name: body.name, live, test, version })
}

fn backend_environment(line: &ResourceLine, name: &str, body: &BackendEnvironmentBody) -> Result<BackendEnvironment, Refused> {
    let at = |member: &str| format!("{}, {name}.{member}", place(line));
    let mut targets = Vec::new();
    for target in &body.targets {
        let authority = target.strip_prefix("http://").ok_or_else(|| Refused::new(at("targets"), format!("{target:?} does not begin with http://")))?;
        let authority = authority.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
            return Err(Refused::new(at("targets"), format!("{target:?} is not http://host:port")));
        }
        let with_port = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        targets.push(with_port);
    }
    if targets.is_empty() {
        return Err(Refused::new(at("targets"), "there is none"));
    }
    let credential = match &body.credential {
        CredentialBody::None {} => CredentialPolicy::None,
        CredentialBody::Mint { issuer, audience, algorithm, life_seconds, claims } => {
            if algorithm != "ES256" {
                return Err(Refused::new(at("credential.algorithm"), format!("{algorithm:?} is not ES256")));
            }
            let claims = ClaimsTemplate::compile(claims).map_err(|why| Refused::new(at("credential.claims"), why))?;
            let issuer = parse_id(issuer, line, "credential.issuer")?;
            CredentialPolicy::Mint(MintPolicy { issuer, audience: audience.clone(), life_seconds: *life_seconds, claims })
        }
    };
    Ok(BackendEnvironment { targets, timeouts: body.timeouts, credential })
}

fn route(line: &ResourceLine) -> Result<Route, Refused> {
    let body: RouteBody = body_of(line)?;
    if !body.passthrough {
        return Err(Refused::new(format!("{}, passthrough", place(line)), "a route without a contract passes bodies only where it says passthrough: true"));
    }
    let path = template(&body.path, line, "path")?;
    let backend_template = template(&body.backend_path, line, "backend_path")?;
    let backend_path = PathBuilder::new(&path, &backend_template).map_err(|why| Refused::new(format!("{}, backend_path", place(line)), why))?;
    let query = match body.query {
        QueryBody::Word(word) if word == "all" => QueryPolicy::All,
        QueryBody::Word(word) => return Err(Refused::new(format!("{}, query", place(line)), format!("{word:?} is neither \"all\" nor a list of names"))),
        QueryBody::Names(names) => QueryPolicy::Names(names),
    };
    let action = RouteAction {
        backend: parse_id(&body.backend, line, "backend")?,
        backend_method: body.backend_method,
        backend_path,
        environments: body.environments,
        scopes: body.scopes,
        max_request_bytes: body.max_request_bytes,
        max_response_bytes: body.max_response_bytes,
        query,
        request_headers: body.request_headers,
        response_headers: body.response_headers,
    };
    Ok(Route { id: id_of(line)?, api: parse_id(&body.api, line, "api")?, name: body.name, hosts: body.hosts, method: body.method, path, action: Some(action) })
}

fn outdated_route(line: &ResourceLine) -> Result<Route, Refused> {
    let outline: RouteOutline = body_of(line)?;
    let path = template(&outline.path, line, "path")?;
    Ok(Route { id: id_of(line)?, api: Id::NONE, name: String::new(), hosts: outline.hosts, method: outline.method, path, action: None })
}

fn body_of<'a, T: serde::Deserialize<'a>>(line: &'a ResourceLine) -> Result<T, Refused> {
    serde_json::from_str(line.body.get()).map_err(|error| Refused::new(place(line), error.to_string()))
}

fn place(line: &ResourceLine) -> String {
    format!("{} {}", line.kind, line.id)
}

fn id_of(line: &ResourceLine) -> Result<Id, Refused> {
    parse_id(&line.id, line, "id")
}

fn parse_id(text: &str, line: &ResourceLine, member: &str) -> Result<Id, Refused> {
    Id::parse(text).ok_or_else(|| Refused::new(format!("{}, {member}", place(line)), format!("{text:?} is not an id")))
}

fn kid_of(text: &str, line: &ResourceLine) -> Result<Kid, Refused> {
    Kid::parse(text.as_bytes()).ok_or_else(|| Refused::new(place(line), "not a kid"))
}

fn template(text: &str, line: &ResourceLine, member: &str) -> Result<Template, Refused> {
    Template::parse(text).map_err(|why| Refused::new(format!("{}, {member}", place(line)), why))
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0_u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, pair) in text.as_bytes().chunks(2).enumerate() {
        let high = (pair[0] as char).to_digit(16)?;
        let low = (pair[1] as char).to_digit(16)?;
        digest[index] = (high * 16 + low) as u8;
    }
    Some(digest)
}
