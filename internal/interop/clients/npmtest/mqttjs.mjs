// MQTT.js against the broker: node mqttjs.mjs URL VERSION
import mqtt from 'mqtt';
import { Inbox, equal, run, url } from './expect.mjs';

const version = Number(process.argv[3]);
const base = {
  protocolVersion: version,
  protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
  reconnectPeriod: 0,
};

// connect listens before it connects: queued messages follow CONNACK at once.
function connect(clientId, more = {}) {
  const client = mqtt.connect(url, { ...base, clientId, ...more });
  const inbox = new Inbox();
  client.on('message', (topic, payload, packet) => inbox.put({
    topic, payload: payload.toString(), qos: packet.qos, retain: packet.retain, properties: packet.properties,
  }));
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve({ client, inbox }));
    client.once('error', reject);
  });
}

async function messages() {
  const { client, inbox } = await connect('js-messages');
  const granted = await client.subscribeAsync('js/#', { qos: 2 });
  equal('granted', granted.map((g) => g.qos), [2]);
  // Frames of every size class of WebSocket, and larger than any buffer.
  for (const size of [0, 1, 120, 130, 65_500, 65_600, 900_000]) {
    for (const qos of [0, 1, 2]) {
      await client.publishAsync('js/a', 'x'.repeat(size), { qos });
      const m = await inbox.take();
      equal(`${size} bytes, QoS ${qos}`, [m.topic, m.payload.length, m.qos, m.retain], ['js/a', size, qos, false]);
    }
  }
  await Promise.all(Array.from({ length: 200 }, (_, i) => client.publishAsync('js/n', String(i), { qos: 1 })));
  for (let i = 0; i < 200; i++) equal('order', (await inbox.take()).payload, String(i));
  await client.unsubscribeAsync('js/#');
  await client.publishAsync('js/kept', 'kept', { qos: 1, retain: true });
  const late = await connect('js-late');
  await late.client.subscribeAsync('js/+', { qos: 1 });
  const kept = await late.inbox.take();
  equal('retained', [kept.payload, kept.retain], ['kept', true]);
  equal('after unsubscribing', inbox.size, 0);
  await client.endAsync();
  await late.client.endAsync();
}

// The queue is of one QoS: MQTT.js hands out QoS 2 messages at their PUBREL,
// behind later ones of QoS 1.
async function sessions() {
  const watch = await connect('js-watch');
  await watch.client.subscribeAsync('js-will', { qos: 1 });
  const stay = { clean: false, properties: { sessionExpiryInterval: 600 } };
  const first = await connect('js-stays', { ...stay, will: { topic: 'js-will', payload: 'gone', qos: 1 } });
  await first.client.subscribeAsync('js-queue', { qos: 2 });
  first.client.on('error', () => {});
  first.client.stream.destroy();
  equal('Will', (await watch.inbox.take()).payload, 'gone');
  for (let i = 0; i < 20; i++) await watch.client.publishAsync('js-queue', String(i), { qos: 2 });
  const again = await connect('js-stays', stay);
  for (let i = 0; i < 20; i++) equal('queue', (await again.inbox.take()).payload, String(i));
  await again.client.endAsync();
  await watch.client.endAsync();
}

async function properties() {
  const { client, inbox } = await connect('js-properties', { properties: { topicAliasMaximum: 5, receiveMaximum: 3 }, autoAssignTopicAlias: true });
  await client.subscribeAsync('js-p', { qos: 1, properties: { subscriptionIdentifier: 12 } });
  const sent = { contentType: 'text/plain', responseTopic: 'answers', correlationData: Buffer.from('c'), payloadFormatIndicator: true,
    messageExpiryInterval: 600, userProperties: { k: ['1', '2'], l: '3' } };
  for (let i = 0; i < 5; i++) {
    await client.publishAsync('js-p', 'x', { qos: 1, properties: { ...sent } });
    const { topic, properties: p } = await inbox.take();
    equal('properties', [p.contentType, p.responseTopic, p.correlationData.toString(), p.payloadFormatIndicator, p.userProperties, p.subscriptionIdentifier],
      ['text/plain', 'answers', 'c', true, { k: ['1', '2'], l: '3' }, 12]);
    equal('topic by its alias', topic, 'js-p');
  }
  await client.endAsync();
}

run(async () => {
  await messages();
  await sessions();
  if (version === 5) await properties();
});
