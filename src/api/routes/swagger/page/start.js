"use strict";
// Swagger UI for this service's own document. Sends no requests to other hosts: no validator, no other documents.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reader",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  validatorUrl: null,
  queryConfigEnabled: false,
});
