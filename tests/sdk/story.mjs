// Drives the simulator by the JavaScript SDK, and holds every answer against the types that the SDK declares.
// usage: STORY_URL=… node --test story.mjs      (of `skillsync simulate --scenario scenario.toml`)
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, beforeEach, test } from 'node:test';
import sdk from 'purecloud-platform-client-v2';

const url = new URL(process.env.STORY_URL);
const CLIENT = ['skillsync-simulated', 'not-a-secret'];
const NOBODY = '00000000-0000-4000-8000-000000000000';
// Where there is no hit, the real search leaves out `results`, although the SDK's types promise it.
const PERMITTED = 'UsersSearchResponse needs results';

const types = readFileSync(new URL('node_modules/purecloud-platform-client-v2/index.d.ts', import.meta.url), 'utf8');

const models = new Map();

/** The fields of a model: their types, and whether they are required. */
function model(name) {
  if (!models.has(name)) models.set(name, read(name));
  return models.get(name);
}

function read(name) {
  const found = types.match(new RegExp(`^\\texport interface ${name} \\{(.*?)^\\t\\}`, 'ms'));
  assert.ok(found, `the SDK has no model ${name}`);
  const fields = found[1].matchAll(/^\t\t"([^"]+)"(\??): (.*);$/gm);
  return new Map([...fields].map(([, field, optional, type]) => [field, { type, required: optional === '' }]));
}

/** What the SDK says that a method answers. */
function answer(method) {
  const found = types.match(new RegExp(`^  \\t${method}\\(.*\\): Promise<(.*)>;$`, 'm'));
  assert.ok(found, `the SDK has no method ${method}`);
  return found[1];
}

/** What is wrong with a document of a type. */
function* problems(document, type, where) {
  const list = type.match(/^Array<(.*)>$/);
  const map = type.match(/^\{ \[key: string\]: (.*); \}$/);
  if (list) {
    if (!Array.isArray(document)) return yield `${where}: ${JSON.stringify(document)} is no list`;
    for (const [index, entry] of document.entries()) yield* problems(entry, list[1], `${where}[${index}]`);
  } else if (map) {
    for (const [name, entry] of Object.entries(document)) yield* problems(entry, map[1], `${where}.${name}`);
  } else if (type.startsWith('Models.')) {
    const name = type.slice('Models.'.length);
    const fields = model(name);
    for (const [field, { required }] of fields) {
      if (required && (document[field] ?? null) === null) yield `${where}: ${name} needs ${field}`;
    }
    for (const [field, entry] of Object.entries(document)) {
      if (!fields.has(field)) yield `${where}: ${name} has no ${field}`;
      else if (entry !== null) yield* problems(entry, fields.get(field).type, `${where}.${field}`);
    }
  } else if (type !== 'any' && typeof document !== type) {
    yield `${where}: ${JSON.stringify(document)} is no ${type}`;
  }
}

function connected() {
  const client = new sdk.ApiClientClass();
  client.setReturnExtendedResponses(true);
  client.setGateway({ protocol: 'http', host: url.hostname, port: Number(url.port) });
  return client;
}

const client = connected();
await client.loginClientCredentialsGrant(...CLIENT);
const users = new sdk.UsersApi(client);
const routing = new sdk.RoutingApi(client);
const scim = new sdk.SCIMApi(client);
const organization = new sdk.OrganizationApi(client);

const driven = new Set();

/** The answer to a call, which fits the SDK's types. */
async function ask(api, method, ...given) {
  driven.add(method);
  const { body } = await api[method](...given);
  const type = answer(method);
  if (type === 'void') return assert.equal(body, '');
  const wrong = [...problems(body, type, method)].filter((problem) => !problem.endsWith(PERMITTED));
  assert.deepEqual(wrong, []);
  return body;
}

/** The answer to a call that is refused, with the SDK's error document. */
async function refused(status, code, api, method, ...given) {
  const refusal = await api[method](...given).then(() => assert.fail(`${method} was not refused`), (found) => found);
  assert.equal(refusal.status, status, JSON.stringify(refusal.body));
  const type = refusal.headers['content-type'] === 'application/scim+json' ? 'Models.ScimError' : 'Models.ErrorBody';
  assert.deepEqual([...problems(refusal.body, type, method)], []);
  assert.equal(refusal.body.code ?? refusal.body.scimType, code);
  return refusal;
}

/** How the org behaves from now on, in the words of a scenario. */
async function behave(behaviour) {
  const body = JSON.stringify({ latency: { fixed: '0s' }, ...behaviour });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(new URL('/_simulator/behaviour', url), { method: 'PUT', headers, body });
  assert.equal(answer.status, 204, await answer.text());
}

async function everybody(state) {
  const found = [];
  for (let pageNumber = 1; ; pageNumber += 1) {
    const expand = ['employerInfo', 'skills'];
    const page = await ask(users, 'getUsers', { pageSize: 100, pageNumber, state, expand });
    if (page.entities.length === 0) return found;
    found.push(...page.entities);
  }
}

async function skillsOf(user) {
  const { entities } = await ask(users, 'getUserRoutingskills', user, { pageSize: 50, pageNumber: 1 });
  return Object.fromEntries(entities.map(({ id, proficiency }) => [id, proficiency]));
}

beforeEach(() => behave({}));

test('wrong answers are found', () => {
  for (const [document, type, problem] of [
    [{ entities: {} }, 'Models.UserEntityListing', 'x.entities: {} is no list'],
    [{ entities: [{ id: 'a' }] }, 'Models.UserEntityListing', 'x.entities[0]: User needs version'],
    [{ nextURI: null }, 'Models.UserEntityListing', 'x: UserEntityListing has no nextURI'],
    [{ proficiency: '1' }, 'Models.UserRoutingSkill', 'x.proficiency: "1" is no number'],
    [{ messageParams: { a: 1 } }, 'Models.ErrorBody', 'x.messageParams.a: 1 is no string'],
  ]) assert.deepEqual([...problems(document, type, 'x')], [problem]);
});

test('logins', async () => {
  await assert.rejects(connected().loginClientCredentialsGrant(CLIENT[0], 'wrong'));
  const other = connected();
  await other.loginClientCredentialsGrant(...CLIENT);
  await ask(new sdk.TokensApi(other), 'deleteTokensMe');
  await refused(401, 'bad.credentials', new sdk.UsersApi(other), 'getUsers', {});
});

test('listings of users', async () => {
  for (const [state, count] of [['active', 115], ['inactive', 10], ['deleted', 5], ['any', 130]]) {
    const found = await everybody(state);
    assert.equal(new Set(found.map(({ id }) => id)).size, count);
    assert.ok(found.every((user) => user.skills.length === 5 && user.employerInfo.employeeId.startsWith('E')));
    assert.ok(state === 'any' || found.every((user) => user.state === state));
  }
  const page = await ask(users, 'getUsers', { pageSize: 50, pageNumber: 2 });
  assert.deepEqual([page.pageCount, page.total, page.entities[0].skills], [3, 115, undefined]);
});

test('single users', async () => {
  const [one] = await everybody('active');
  const [other] = await everybody('inactive');
  const both = await ask(users, 'getUsers', { id: [one.id, other.id, NOBODY], state: 'any', pageSize: 100 });
  assert.deepEqual(new Set(both.entities.map(({ id }) => id)), new Set([one.id, other.id]));
  assert.equal((await ask(users, 'getUser', other.id, { expand: ['employerInfo'] })).state, 'inactive');
  await refused(404, 'not.found', users, 'getUser', NOBODY, {});
  const byKey = 'getUsersExternalidAuthorityNameExternalKey';
  assert.equal((await ask(users, byKey, 'hris', 'H7', { expand: ['employerInfo'] })).employerInfo.employeeId, 'E1007');
  await refused(404, 'not.found', users, byKey, 'hris', 'H404', {});

  const exactly = (field, ...values) => ({ type: 'EXACT', fields: [field], values });
  const query = [exactly('email', one.email.toUpperCase(), other.email), exactly('state', 'active', 'inactive')];
  const hits = await ask(users, 'postUsersSearch', { pageSize: 100, query });
  assert.deepEqual(new Set(hits.results.map(({ id }) => id)), new Set([one.id, other.id]));
  const none = await ask(users, 'postUsersSearch', { pageSize: 100, query: [exactly('email', 'nobody@example.com')] });
  assert.deepEqual([none.total, none.results], [0, undefined]);

  const number = one.employerInfo.employeeId;
  const filter = `employeeNumber eq "${number}"`;
  const { Resources: found } = await ask(scim, 'getScimV2Users', { filter, count: 25 });
  const enterprise = found[0]['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'];
  assert.deepEqual([found.length, found[0].id, enterprise.employeeNumber], [1, one.id, number]);
  await refused(400, 'invalidFilter', scim, 'getScimV2Users', { filter: 'employeeNumber co 1' });
});

test('catalogues and limits', async () => {
  const skills = await ask(routing, 'getRoutingSkills', { pageSize: 500, pageNumber: 1 });
  assert.equal(skills.entities.filter(({ state }) => state === 'inactive').length, 3);
  const groups = [];
  for (let cursor = {}; cursor;) {
    const page = await ask(routing, 'getRoutingSkillgroups', { pageSize: 10, ...cursor });
    groups.push(...page.entities.map(({ name }) => name));
    cursor = page.nextUri && { after: new URL(page.nextUri, url).searchParams.get('after') };
  }
  assert.deepEqual([groups.length, new Set(groups).size], [35, 35]);
  const org = await ask(organization, 'getOrganizationsMe');
  assert.match(org.id, /^[0-9a-f-]{36}$/);
  const limits = await ask(organization, 'getOrganizationsLimitsNamespace', 'limit.registry');
  assert.deepEqual(limits.entities, [{ key: 'limits.rate', namespace: 'limit.registry', value: 6 }]);
});

test('a skill is created, given, replaced and taken away', async () => {
  const user = (await everybody('active'))[20].id;
  const before = await skillsOf(user);
  const skill = await ask(routing, 'postRoutingSkills', { name: 'Upgrades' });
  assert.deepEqual([skill.name, skill.state], ['Upgrades', 'active']);
  await refused(409, 'general.conflict', routing, 'postRoutingSkills', { name: 'upgrades' });

  await ask(users, 'patchUserRoutingskillsBulk', user, [{ id: skill.id, proficiency: 4.5 }]);
  assert.deepEqual(await skillsOf(user), { ...before, [skill.id]: 4.5 });
  await ask(users, 'patchUserRoutingskillsBulk', user, []);
  await ask(users, 'putUserRoutingskillsBulk', user, [{ id: skill.id, proficiency: 1 }]);
  assert.deepEqual(await skillsOf(user), { [skill.id]: 1 });
  await ask(users, 'deleteUserRoutingskill', user, skill.id);
  assert.deepEqual(await skillsOf(user), {});
  await refused(404, 'not.found', users, 'deleteUserRoutingskill', user, skill.id);
  await refused(400, 'invalid.value', users, 'patchUserRoutingskillsBulk', user, [{ id: skill.id, proficiency: 7 }]);
});

test('refusals', async () => {
  const user = (await everybody('active'))[21].id;
  await refused(400, 'invalid.value', users, 'getUsers', { pageSize: 501 });
  await behave({ missing_permissions: ['routing:skill:assign'] });
  await refused(403, 'missing.permissions', users, 'patchUserRoutingskillsBulk', user, []);
  await behave({ conflicts: { blocked: { share: { rate: 1 } } } });
  await refused(409, 'general.resource.conflict', users, 'putUserRoutingskillsBulk', user, []);
  await behave({ faults: [{ at_most: 1, kind: { rate_limited: { retry_after: '43s' } } }] });
  const told = await refused(429, 'too.many.requests.retry.after', users, 'getUserRoutingskills', user, {});
  assert.equal(told.headers['retry-after'], '43');
});

test('a 429 names the limit of its service', async () => {
  const method = 'getOrganizationsLimitsNamespace';
  const other = connected();
  await other.loginClientCredentialsGrant(...CLIENT);
  const limits = new sdk.OrganizationApi(other);
  for (let calls = 0; calls < 6; calls += 1) await ask(limits, method, 'platform.api');
  const { body, headers } = await refused(429, 'too.many.requests.retry.after', limits, method, 'platform.api');
  assert.deepEqual(body.limit, { key: 'limits.rate', namespace: 'limit.registry', value: 6 });
  assert.match(headers['retry-after'], /^[12]$/);
});

test('other orgs', async () => {
  const paging = ['pageSize', 'pageNumber', 'total', 'pageCount', 'firstUri', 'selfUri', 'nextUri', 'lastUri'];
  const all = await everybody('active');
  for (const shape of [{ left_out: paging }, { null: paging }]) {
    await behave({ paging: shape });
    assert.deepEqual(await everybody('active'), all);
    assert.equal((await ask(routing, 'getRoutingSkillgroups', { pageSize: 10 })).nextUri ?? null, null);
  }
  await behave({ hidden_users: 0.3, scim: 'refused', org_limits: 'refused' });
  const seen = new Set((await everybody('active')).map(({ id }) => id));
  const hidden = all.find(({ id }) => !seen.has(id));
  assert.ok(seen.size > 0 && hidden);
  await refused(404, 'not.found', users, 'getUser', hidden.id, {});
  await refused(404, 'not.found', users, 'patchUserRoutingskillsBulk', hidden.id, []);
  await refused(403, 'missing.permissions', scim, 'getScimV2Users', { filter: 'employeeNumber eq 1' });
  await refused(403, 'missing.permissions', organization, 'getOrganizationsLimitsNamespace', 'platform.api');
});

after(() => {
  assert.equal(driven.size, 15, [...driven].join(' '));
});
