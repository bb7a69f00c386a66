/** Checking a lease or a worker without taking anybody at their word. */
export { evidence, verify as check } from './verify.ts'
