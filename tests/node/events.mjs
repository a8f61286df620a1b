// Lists events and targets with Qovery's own client and prints both answers as JSON.
// node events.mjs BASE_URL ORGANIZATION_ID

import client from "qovery-typescript-axios";

const [basePath, organizationId] = process.argv.slice(2);
const api = new client.OrganizationEventApi(new client.Configuration({ basePath }));

const events = await api.getOrganizationEvents(
  organizationId, 5, undefined, undefined, undefined, undefined, client.OrganizationEventType.DELETE);
const targets = await api.getOrganizationEventTargets(organizationId);

console.log(JSON.stringify({ events: events.data, targets: targets.data }));
