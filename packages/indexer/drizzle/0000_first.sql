CREATE TABLE "checkpoint" (
	"block" bigint PRIMARY KEY NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "event" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"time" bigint NOT NULL,
	"transaction" text NOT NULL,
	"name" text NOT NULL,
	"lease" text,
	"worker" text,
	"args" jsonb NOT NULL,
	CONSTRAINT "event_block_log_index_pk" PRIMARY KEY("block","log_index")
);
--> statement-breakpoint
CREATE TABLE "lease" (
	"id" text PRIMARY KEY NOT NULL,
	"short_id" text NOT NULL,
	"wished_name" text,
	"open" boolean NOT NULL,
	"refused" boolean NOT NULL,
	"tenant" text NOT NULL,
	"worker" text NOT NULL,
	"provider" text NOT NULL,
	"token" text NOT NULL,
	"rate_per_second" numeric(78, 0) NOT NULL,
	"deposit" numeric(78, 0) NOT NULL,
	"spent" numeric(78, 0) NOT NULL,
	"fee" numeric(78, 0) NOT NULL,
	"refund" numeric(78, 0) NOT NULL,
	"covered_seconds" bigint NOT NULL,
	"manifest_hash" text NOT NULL,
	"opened_at" bigint NOT NULL,
	"opened_block" bigint NOT NULL,
	"opened_log_index" integer NOT NULL,
	"closed_at" bigint,
	"notice_until" bigint,
	"transaction" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "payment" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"part" integer NOT NULL,
	"kind" text NOT NULL,
	"lease" text,
	"account" text NOT NULL,
	"token" text NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"time" bigint NOT NULL,
	"transaction" text NOT NULL,
	CONSTRAINT "payment_block_log_index_part_pk" PRIMARY KEY("block","log_index","part")
);
--> statement-breakpoint
CREATE TABLE "progress" (
	"key" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "worker" (
	"address" text PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"endpoint" text NOT NULL,
	"cpu_milli" bigint NOT NULL,
	"memory_mib" bigint NOT NULL,
	"disk_mib" bigint NOT NULL,
	"gpus" integer NOT NULL,
	"gpu_class" text NOT NULL,
	"retired" boolean NOT NULL,
	"registered_at" bigint NOT NULL,
	"covered_before" bigint NOT NULL,
	"covered_from" bigint NOT NULL,
	"covered_until" bigint NOT NULL
);
--> statement-breakpoint
CREATE INDEX "event_lease" ON "event" USING btree ("lease");--> statement-breakpoint
CREATE INDEX "event_worker" ON "event" USING btree ("worker");--> statement-breakpoint
CREATE INDEX "lease_short_id" ON "lease" USING btree ("short_id");--> statement-breakpoint
CREATE INDEX "lease_name" ON "lease" USING btree ("wished_name");--> statement-breakpoint
CREATE INDEX "lease_tenant" ON "lease" USING btree ("tenant");--> statement-breakpoint
CREATE INDEX "lease_worker" ON "lease" USING btree ("worker");--> statement-breakpoint
CREATE INDEX "lease_provider" ON "lease" USING btree ("provider");--> statement-breakpoint
CREATE INDEX "lease_order" ON "lease" USING btree ("opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "payment_lease" ON "payment" USING btree ("lease");--> statement-breakpoint
CREATE INDEX "payment_account" ON "payment" USING btree ("account");--> statement-breakpoint
CREATE INDEX "worker_provider" ON "worker" USING btree ("provider");