ALTER TABLE "worker" ADD COLUMN "platform" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "image" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "tls_key_hash" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "attested_at" bigint;