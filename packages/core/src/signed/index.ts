export * from './bid.ts'
export * from './receipt.ts'
export * from './request.ts'
