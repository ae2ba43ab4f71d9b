// The scenario of fhir-kit-client: each interaction once, each answer looked at. Ends with 1 at the first that is wrong.
import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';

const client = new Client({ baseUrl: process.env.UNSILO_BASE });
const value = `kit-${Date.now()}`;
const steps = [];
const step = async (name, act) => { await act(); steps.push(name); };
const refused = (status) => (error) => error.response?.status === status;
let patient, last;

await step('capabilityStatement', async () => {
  assert.equal((await client.capabilityStatement()).fhirVersion, '4.0.1');
});
await step('create', async () => {
  const body = { resourceType: 'Patient', identifier: [{ system: 'urn:kit', value }], name: [{ family: 'Kit' }] };
  patient = await client.create({ resourceType: 'Patient', body });
  assert.equal(patient.meta.versionId, '1');
});
await step('read', async () => {
  assert.equal((await client.read({ resourceType: 'Patient', id: patient.id })).name[0].family, 'Kit');
});
await step('update', async () => {
  const body = { ...patient, active: true };
  assert.equal((await client.update({ resourceType: 'Patient', id: patient.id, body })).meta.versionId, '2');
});
await step('patch', async () => {
  const jsonPatch = [{ op: 'add', path: '/birthDate', value: '1980-05-17' }];
  const changed = await client.patch({ resourceType: 'Patient', id: patient.id, jsonPatch });
  assert.equal(changed.birthDate, '1980-05-17');
});
await step('vread', async () => {
  assert.equal((await client.vread({ resourceType: 'Patient', id: patient.id, version: '1' })).active, undefined);
});
await step('history', async () => {
  assert.equal((await client.history({ resourceType: 'Patient', id: patient.id })).entry.length, 3);
  assert.ok((await client.history({ resourceType: 'Patient' })).entry.length >= 3);
  assert.ok((await client.history()).entry.length >= 3);
});
await step('transaction', async () => {
  const entry = Array.from({ length: 25 }, (_, n) => ({
    request: { method: 'POST', url: 'Observation' },
    resource: {
      resourceType: 'Observation', status: 'final', code: { text: `kit ${n}` },
      subject: { reference: `Patient/${patient.id}` },
    },
  }));
  last = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
  assert.equal(last.entry.filter((each) => each.response.status.startsWith('201')).length, 25);
});
await step('batch', async () => {
  const entry = [{ request: { method: 'GET', url: `Patient/${patient.id}` } }, { request: { method: 'GET', url: 'Patient/none' } }];
  const answer = await client.batch({ body: { resourceType: 'Bundle', type: 'batch', entry } });
  assert.deepEqual(answer.entry.map((each) => each.response.status.slice(0, 3)), ['200', '404']);
});
await step('search and nextPage', async () => {
  let page = await client.search({ resourceType: 'Observation', searchParams: { subject: `Patient/${patient.id}`, _count: 10 } });
  let seen = 0;
  for (; page; page = await client.nextPage({ bundle: page })) seen += page.entry.length;
  assert.equal(seen, 25);
});
await step('search by POST', async () => {
  const found = await client.search({
    resourceType: 'Patient', searchParams: { identifier: `urn:kit|${value}` }, options: { postSearch: true },
  });
  assert.equal(found.entry[0].resource.id, patient.id);
});
await step('systemSearch', async () => {
  const found = await client.systemSearch({ searchParams: { _type: 'Patient,Observation', _count: 5 } });
  assert.equal(found.entry.length, 5);
});
await step('compartmentSearch', async () => {
  const found = await client.compartmentSearch({
    compartment: { resourceType: 'Patient', id: patient.id }, resourceType: 'Observation', searchParams: { _count: 100 },
  });
  assert.equal(found.entry.length, 25);
});
await step('operation $everything', async () => {
  const found = await client.operation({ name: '$everything', resourceType: 'Patient', id: patient.id, method: 'get' });
  assert.ok(found.entry.some((each) => each.resource.id === patient.id));
});
await step('errors', async () => {
  await assert.rejects(client.read({ resourceType: 'Patient', id: 'none' }), refused(404));
  await assert.rejects(client.search({ resourceType: 'Patient', searchParams: { nonsense: '1' } }), refused(400));
});
await step('delete', async () => {
  const made = await client.create({ resourceType: 'Basic', body: { resourceType: 'Basic', code: { text: 'kit' } } });
  await client.delete({ resourceType: 'Basic', id: made.id });
  await assert.rejects(client.read({ resourceType: 'Basic', id: made.id }), refused(410));
});
console.log(`${steps.length} steps hold: ${steps.join(', ')}`);
