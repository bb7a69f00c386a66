CREATE TABLE "allowance" (
	"key" text PRIMARY KEY NOT NULL,
	"app" text NOT NULL,
	"kind" text NOT NULL,
	"hash" text NOT NULL,
	"allowed_from" bigint
);
--> statement-breakpoint
CREATE TABLE "app" (
	"id" text PRIMARY KEY NOT NULL,
	"registered_by" text NOT NULL,
	"name" text NOT NULL,
	"owner" text NOT NULL,
	"pending_owner" text,
	"upgrade_delay" bigint NOT NULL,
	"next_delay" bigint,
	"next_delay_from" bigint,
	"frozen_at" bigint,
	"registered_at" bigint NOT NULL,
	"registered_block" bigint NOT NULL,
	"registered_log_index" integer NOT NULL,
	"transaction" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "seat" (
	"number" text PRIMARY KEY NOT NULL,
	"lease" text NOT NULL,
	"worker" text NOT NULL,
	"provider" text NOT NULL,
	"manifest_hash" text NOT NULL,
	"filled_at" bigint NOT NULL,
	"absent_from" bigint,
	"vacated_at" bigint
);
--> statement-breakpoint
CREATE INDEX "allowance_app" ON "allowance" USING btree ("app");--> statement-breakpoint
CREATE INDEX "app_owner" ON "app" USING btree ("owner","registered_block","registered_log_index");--> statement-breakpoint
CREATE INDEX "app_order" ON "app" USING btree ("registered_block","registered_log_index");