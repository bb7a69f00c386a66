ALTER TABLE "worker" ADD COLUMN "platform" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "image" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "tls_key_hash" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "attested_at" bigint;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "confirmed_gpu_class" text;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "confirmed_gpus" integer;--> statement-breakpoint
ALTER TABLE "worker" ADD COLUMN "confirmed_until" bigint;