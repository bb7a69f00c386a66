/** Receipts of answers: having them, and what they prove. */
export { fetchById as fetch, verify } from './receipt.ts'
