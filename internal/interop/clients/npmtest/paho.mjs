// Eclipse Paho for JavaScript against the broker: node paho.mjs URL VERSION
import WebSocket from 'ws';
import { Inbox, equal, run, url } from './expect.mjs';

globalThis.WebSocket = WebSocket;
globalThis.self = globalThis; // the library expects a browser's global
const { default: Paho } = await import('paho-mqtt');
const version = Number(process.argv[3]);

function connect(clientId, more = {}) {
  const client = new Paho.Client(url, clientId);
  const inbox = new Inbox();
  client.onMessageArrived = (m) => inbox.put({ topic: m.destinationName, payload: m.payloadString, qos: m.qos, retain: m.retained });
  return new Promise((resolve, reject) => client.connect({
    mqttVersion: version, mqttVersionExplicit: true, timeout: 20, ...more,
    onSuccess: () => resolve({ client, inbox }), onFailure: (e) => reject(new Error(e.errorMessage)),
  }));
}

function subscribe(client, filter, qos) {
  return new Promise((resolve, reject) => client.subscribe(filter, { qos, timeout: 20, onSuccess: resolve, onFailure: reject }));
}

function unsubscribe(client, filter) {
  return new Promise((resolve, reject) => client.unsubscribe(filter, { timeout: 20, onSuccess: resolve, onFailure: reject }));
}

function will(topic, payload) {
  const message = new Paho.Message(payload);
  message.destinationName = topic;
  message.qos = 1;
  return message;
}

run(async () => {
  const { client, inbox } = await connect('paho-js');
  await subscribe(client, 'js/#', 2);
  for (const size of [0, 1, 130, 65_600, 900_000]) {
    for (const qos of [0, 1, 2]) {
      client.send('js/a', 'y'.repeat(size), qos, false);
      const m = await inbox.take();
      equal(`${size} bytes, QoS ${qos}`, [m.topic, m.payload.length, m.qos, m.retain], ['js/a', size, qos, false]);
    }
  }
  await unsubscribe(client, 'js/#');
  client.send('js/kept', 'kept', 1, true);

  await subscribe(client, 'js-will', 1);
  const dying = await connect('paho-js-dying', { cleanSession: false, willMessage: will('js-will', 'gone') });
  await subscribe(dying.client, 'js-queue', 1);
  const { client: killer } = await connect('paho-js-dying', { cleanSession: false });
  equal('Will after a takeover', (await inbox.take()).payload, 'gone');
  killer.disconnect();
  for (let i = 0; i < 20; i++) client.send('js-queue', String(i), 2, false);
  await unsubscribe(client, 'nothing'); // a round trip
  const again = await connect('paho-js-dying', { cleanSession: false });
  for (let i = 0; i < 20; i++) equal('queue', (await again.inbox.take()).payload, String(i));
  await subscribe(again.client, 'js/+', 0);
  const kept = await again.inbox.take();
  equal('retained', [kept.payload, kept.qos, kept.retain], ['kept', 0, true]);
  equal('after unsubscribing', inbox.size, 0);
});
