//! The calls that a drill makes on templates, assets, schedules and renders; `state` has those on the
//! rest of the durable state.

use crate::base::process::run;
use crate::system::engine::answer::{CallError, HttpAnswer, Unreachable};
use crate::system::engine::ready::Probe;
use crate::system::engine::records::{AssetRecord, ReadyAnswer, Summary, TemplateRecord, UploadRequest};
use crate::system::engine::wire::{Engine, Scope};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How many entries of a list are asked for at a time: few at first, then as many as there are already.
/// So a small site has a second page too, and an engine that loses it is found out.
const PAGE: (usize, usize) = (2, 128);

/// Redirects to other servers that are followed.
const REDIRECTS: usize = 5;

/// No list of a drill's is longer; an engine could go on for ever.
const LONGEST: usize = 1_000_000;

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    total: u64,
}

impl Engine {
    /// `GET /health`: whether the process is up.
    pub async fn health(&self) -> Result<Value, CallError> {
        self.json(self.request(Method::GET, self.at(&["health"]), Scope::Open)?).await
    }

    /// Whether it can work; why not is an answer, too.
    pub async fn ready(&self) -> Result<ReadyAnswer, Unreachable> {
        let shown = |ok: bool, answer: &HttpAnswer| ReadyAnswer {
            ok,
            answer: format!("{} {}", answer.status, answer.body_start()),
        };
        match &self.readiness().probe {
            Probe::Documented => {
                let answer = self.get("/health/ready", &[]).await?;
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let against = body.get("status").is_some_and(|status| status != "ok");
                Ok(shown(answer.status == 200 && answer.whole && !against, &answer))
            }
            Probe::Request { path, status, port } => {
                let answer = match port {
                    None => self.get(path, &[]).await?,
                    Some(port) => self.at_port(*port).get(path, &[]).await?,
                };
                Ok(shown(answer.status == *status && answer.whole, &answer))
            }
            Probe::Command(command, redactor) => Ok(match run((**command).clone(), redactor).await {
                Ok(ran) => ReadyAnswer { ok: ran.exit.is_success(), answer: ran.describe_failure() },
                Err(error) => ReadyAnswer { ok: false, answer: error.to_string() },
            }),
        }
    }

    /// `GET` of a path and query of the target's own, without a key.
    pub async fn get(&self, path: &str, headers: &[(String, String)]) -> Result<HttpAnswer, Unreachable> {
        let url = self.base().join(path).map_err(|error| Unreachable {
            request: format!("GET {path}"),
            causes: vec![error.to_string()],
        })?;
        let request = self.request(Method::GET, url, Scope::Open)?;
        let with = |request: RequestBuilder, (name, value): &(String, String)| request.header(name, value);
        let (_, answer) = self.answer(headers.iter().fold(request, with)).await?;
        Ok(answer)
    }

    /// `GET` of a binary, which another server may hand out: redirects to it are followed, without the headers.
    pub async fn download(
        &self,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<HttpAnswer, Unreachable> {
        let mut answer = self.get(path, headers).await?;
        for _ in 0..REDIRECTS {
            let Some(location) = answer.location.take() else { break };
            answer = self.get(&location, &[]).await?;
        }
        Ok(answer)
    }

    /// `POST /assets/upload`.
    pub async fn upload(&self, upload: &UploadRequest) -> Result<AssetRecord, CallError> {
        let request = self.request(Method::POST, self.at(&["assets", "upload"]), Scope::Admin)?;
        let mut form = Form::new().part("file", part(&upload.name, &upload.bytes, &upload.media_type));
        if let Some(folder) = &upload.folder {
            form = form.text("folder", folder.clone());
        }
        if !upload.tags.is_empty() {
            form = form.text("tags", upload.tags.join(","));
        }
        if let Some(text) = &upload.alt_text {
            form = form.text("altText", text.clone());
        }
        self.json(request.multipart(form)).await
    }

    /// `PUT /assets/:id/content`: other content in place, under the same id.
    pub async fn replace(
        &self,
        id: &str,
        name: &str,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<AssetRecord, CallError> {
        let request = self.request(Method::PUT, self.at(&["assets", id, "content"]), Scope::Admin)?;
        self.json(request.multipart(Form::new().part("file", part(name, bytes, media_type)))).await
    }

    /// `DELETE /assets/:id`; `force` also when templates refer to it.
    pub async fn delete_asset(&self, id: &str, force: bool) -> Result<(), CallError> {
        let mut url = self.at(&["assets", id]);
        url.query_pairs_mut().append_pair("force", if force { "true" } else { "false" });
        self.success(self.request(Method::DELETE, url, Scope::Admin)?).await.map(drop)
    }

    /// `GET /assets/`, all pages.
    pub async fn assets(&self) -> Result<Vec<AssetRecord>, CallError> {
        self.pages(&["assets", ""]).await
    }

    /// `GET /assets/:id/details`.
    pub async fn asset(&self, id: &str) -> Result<AssetRecord, CallError> {
        self.json(self.request(Method::GET, self.at(&["assets", id, "details"]), Scope::Admin)?).await
    }

    /// `GET /assets/:filename`: the binary.
    pub async fn binary(&self, filename: &str) -> Result<HttpAnswer, Unreachable> {
        let request = self.request(Method::GET, self.at(&["assets", filename]), Scope::Admin)?;
        let (_, answer) = self.answer(request).await?;
        Ok(answer)
    }

    /// `POST /templates/` with a definition.
    pub async fn create_template(&self, definition: &Value) -> Result<Summary, CallError> {
        let request = self.request(Method::POST, self.at(&["templates", ""]), Scope::Admin)?;
        self.json(request.json(definition)).await
    }

    /// `PUT /templates/:key` with a definition, against the version that is there now.
    pub async fn update_template(&self, key: &str, definition: &Value) -> Result<Summary, CallError> {
        let now = self.template(key).await?;
        let request = self.request(Method::PUT, self.at(&["templates", key]), Scope::Admin)?;
        self.json(request.header(header::IF_MATCH, now.if_match()).json(definition)).await
    }

    /// `DELETE /templates/:key`, against the version that is there now.
    pub async fn delete_template(&self, key: &str) -> Result<(), CallError> {
        let now = self.template(key).await?;
        let request = self.request(Method::DELETE, self.at(&["templates", key]), Scope::Admin)?;
        self.success(request.header(header::IF_MATCH, now.if_match())).await.map(drop)
    }

    /// `GET /templates/:key`.
    pub async fn template(&self, key: &str) -> Result<TemplateRecord, CallError> {
        let request = self.request(Method::GET, self.at(&["templates", key]), Scope::Admin)?;
        let (name, answer) = self.success(request).await?;
        let template: TemplateRecord = understood(&name, &answer)?;
        Ok(TemplateRecord { etag: answer.etag, ..template })
    }

    /// `GET /templates/`, all pages.
    pub async fn templates(&self) -> Result<Vec<Summary>, CallError> {
        self.pages(&["templates", ""]).await
    }

    /// `PUT /templates/:key/labels/:label`: the label stands for the version from now on.
    pub async fn put_label(&self, key: &str, label: &str, version: &str) -> Result<(), CallError> {
        let url = self.at(&["templates", key, "labels", label]);
        let request = self.request(Method::PUT, url, Scope::Admin)?;
        self.success(request.json(&json!({ "version": version }))).await.map(drop)
    }

    /// `POST /schedules/`; gives the schedule as the engine describes it.
    pub async fn create_schedule(&self, body: &Value) -> Result<Value, CallError> {
        let request = self.request(Method::POST, self.at(&["schedules", ""]), Scope::Admin)?;
        self.json(request.json(body)).await
    }

    /// `GET /schedules/`, all pages.
    pub async fn schedules(&self) -> Result<Vec<Value>, CallError> {
        self.pages(&["schedules", ""]).await
    }

    /// `POST /render/pdf`; whatever is answered is the answer.
    pub async fn render(&self, template: &str, data: &Value) -> Result<HttpAnswer, Unreachable> {
        let request = self.request(Method::POST, self.at(&["render", "pdf"]), Scope::Render)?;
        let (_, answer) = self.answer(request.json(&json!({ "template": template, "data": data }))).await?;
        Ok(answer)
    }

    /// `POST /render/pdf` of a `version` or by a `label`.
    pub async fn render_release(
        &self,
        template: &str,
        data: &Value,
        (by, name): (&str, &str),
    ) -> Result<HttpAnswer, Unreachable> {
        let request = self.request(Method::POST, self.at(&["render", "pdf"]), Scope::Render)?;
        let body = json!({ "template": template, "data": data, by: name });
        Ok(self.answer(request.json(&body)).await?.1)
    }

    /// `POST /render/html`.
    pub async fn render_html(&self, template: &str, data: &Value) -> Result<HttpAnswer, Unreachable> {
        let request = self.request(Method::POST, self.at(&["render", "html"]), Scope::Render)?;
        Ok(self.answer(request.json(&json!({ "template": template, "data": data }))).await?.1)
    }

    /// `GET /templates/` with a key, or without one: whatever is answered is the answer.
    pub async fn with_key(&self, key: Option<&str>) -> Result<HttpAnswer, Unreachable> {
        let request = self.request(Method::GET, self.at(&["templates", ""]), Scope::Open)?;
        let request = key.into_iter().fold(request, |request, key| request.header("x-api-key", key));
        Ok(self.answer(request).await?.1)
    }

    /// `GET /admin/tenants/` with the key for renders, where there is one.
    pub async fn tenants_with_render_key(&self) -> Result<Option<HttpAnswer>, Unreachable> {
        if !self.has_render_key() {
            return Ok(None);
        }
        let request = self.request(Method::GET, self.at(&["admin", "tenants", ""]), Scope::Render)?;
        Ok(Some(self.answer(request).await?.1))
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        let (name, answer) = self.success(request).await?;
        understood(&name, &answer)
    }

    /// A list to its end: `total` says where that is, and an empty page ends it too. A page that is the
    /// one before it again is refused: the engine does not go by `offset`.
    pub(super) async fn pages<T: DeserializeOwned>(&self, list: &[&str]) -> Result<Vec<T>, CallError> {
        let (mut all, mut before) = (Vec::new(), Value::Null);
        loop {
            let mut url: Url = self.at(list);
            let limit = all.len().clamp(PAGE.0, PAGE.1);
            url.query_pairs_mut()
                .append_pair("limit", &limit.to_string())
                .append_pair("offset", &all.len().to_string());
            let (name, answer) = self.success(self.request(Method::GET, url, Scope::Admin)?).await?;
            let page: Page<T> = understood(&name, &answer)?;
            let items = serde_json::from_slice(&answer.body).map(|mut body: Value| body["items"].take());
            let items = items.unwrap_or_default();
            if page.items.is_empty() {
                return Ok(all);
            }
            if items == before || all.len() > LONGEST {
                return Err(not_understood(&name, &answer, "the list does not come to its end"));
            }
            all.extend(page.items);
            if all.len() as u64 >= page.total {
                return Ok(all);
            }
            before = items;
        }
    }
}

fn part(name: &str, bytes: &[u8], media_type: &str) -> Part {
    let part = Part::bytes(bytes.to_vec()).file_name(name.to_owned());
    let mut headers = header::HeaderMap::new();
    if let Ok(value) = header::HeaderValue::from_str(media_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    part.headers(headers)
}

fn understood<T: DeserializeOwned>(name: &str, answer: &HttpAnswer) -> Result<T, CallError> {
    serde_json::from_slice(&answer.body).map_err(|error| not_understood(name, answer, &error.to_string()))
}

fn not_understood(name: &str, answer: &HttpAnswer, why: &str) -> CallError {
    CallError::Refused {
        request: name.to_owned(),
        status: answer.status,
        codes: Vec::new(),
        message: Some(format!("not what the contract says: {why}; it begins {:?}", answer.body_start())),
        body_start: answer.body_start(),
    }
}
