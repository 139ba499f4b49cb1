// Asks the browser for a passkey and sends what it gives with the ordinary form of the page. No call of its own, nothing is kept.
// Written for browsers of 2018, which know WebAuthn but not its JSON (Level 3, 5.1.8).
(function () {
  "use strict";
  var form = document.getElementById("passkey");
  if (!form || !window.PublicKeyCredential || !navigator.credentials) { return; }

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    var made = new Uint8Array(plain.length);
    for (var at = 0; at < plain.length; at += 1) { made[at] = plain.charCodeAt(at); }
    return made;
  }

  function text(buffer) {
    var plain = "";
    var given = new Uint8Array(buffer);
    for (var at = 0; at < given.length; at += 1) { plain += String.fromCharCode(given[at]); }
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function opened(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) { options.user.id = bytes(options.user.id); }
    ["excludeCredentials", "allowCredentials"].forEach(function (name) {
      (options[name] || []).forEach(function (one) { one.id = bytes(one.id); });
    });
    return options;
  }

  function written(credential) {
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (credential.response[name]) { response[name] = text(credential.response[name]); }
    });
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response
    });
  }

  var field = form.elements.namedItem("credential");
  form.hidden = false;
  document.getElementById("without").hidden = true;
  form.addEventListener("submit", function (event) {
    if (field.value) { return; }
    event.preventDefault();
    document.getElementById("failed").hidden = true;
    var asked = { publicKey: opened(JSON.parse(form.getAttribute("data-options"))) };
    var answer = form.getAttribute("data-make") ? navigator.credentials.create(asked) : navigator.credentials.get(asked);
    answer.then(function (credential) {
      field.value = written(credential);
      form.submit();
    }).catch(function () {
      document.getElementById("failed").hidden = false;
    });
  });
}());
