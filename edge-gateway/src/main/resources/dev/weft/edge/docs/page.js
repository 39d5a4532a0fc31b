"use strict";

// Shows the document, and logs in whoever wants to try a call that needs it. How to log in, the document says: it is the call of the
// service that issues tokens that anybody may make, that takes a password and answers an access token. Other services may have calls
// that look like it, and would be told passwords.

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  // Otherwise it would send the document to somebody else's server.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  onComplete: () => offerLogin(ui.specSelectors.specJson().toJS()),
});

function offerLogin(document_) {
  const call = loginCall(document_);
  if (!call) {
    return;
  }
  const form = document.getElementById("login");
  const fields = document.getElementById("fields");
  for (const [name, schema] of Object.entries(call.fields)) {
    if (schema.type !== "string") {
      continue;
    }
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.name = name;
    input.required = call.required.includes(name);
    input.type = /password|secret/i.test(name) ? "password" : schema.format === "email" ? "email" : "text";
    input.autocomplete = input.type === "password" ? "current-password" : "username";
    label.append(name + " ", input);
    fields.append(label);
  }
  form.addEventListener("submit", event => {
    event.preventDefault();
    logIn(call.path, Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== "")));
  });
  form.hidden = false;
}

async function logIn(path, credentials) {
  const said = document.getElementById("said");
  said.textContent = "…";
  try {
    // Beside the document, wherever a proxy has put this page.
    const answer = await fetch(path.replace(/^\//, ""), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(credentials),
    });
    const body = await answer.json();
    if (!answer.ok) {
      said.textContent = body.detail;
      return;
    }
    ui.preauthorizeApiKey("bearer", body.accessToken);
    const seconds = Number(body.expiresIn);
    said.textContent = "logged in" + (seconds > 0 ? " until " + new Date(Date.now() + seconds * 1000).toLocaleTimeString() : "");
    document.querySelectorAll("#login input[type=password]").forEach(input => (input.value = ""));
  } catch (failure) {
    said.textContent = String(failure);
  }
}

function loginCall(document_) {
  const follow = schema => {
    while (schema && schema.$ref) {
      schema = document_.components.schemas[schema.$ref.split("/").pop()];
    }
    return schema || {};
  };
  const issuers = document_.tags.filter(tag => tag["x-weft-issuer"]).map(tag => tag.name);
  for (const [path, item] of Object.entries(document_.paths)) {
    const call = item.post;
    if (!call?.tags.some(tag => issuers.includes(tag))) {
      continue;
    }
    const takes = follow(call.requestBody?.content?.["application/json"]?.schema);
    const gives = follow(call.responses?.["200"]?.content?.["application/json"]?.schema);
    if (call.security?.length === 0 && takes.properties?.password && gives.properties?.accessToken) {
      return { path, fields: takes.properties, required: takes.required || [] };
    }
  }
  return undefined;
}
