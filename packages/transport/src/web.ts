// What needs no Node: how answers are read, in browsers too.
export { piecesOf, readBody, readText } from './body.ts'
export { readServerSentEvents } from './events.ts'
export type { Received, Send } from './received.ts'
