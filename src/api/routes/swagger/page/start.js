"use strict";
// The reader of this service's own document. Nothing is asked of other hosts: no validator, no other document.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reader",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  validatorUrl: null,
  queryConfigEnabled: false,
});
