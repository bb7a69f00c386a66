CREATE TABLE "anchor" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"lease" text NOT NULL,
	"worker" text NOT NULL,
	"era" numeric(78, 0) NOT NULL,
	"batch" numeric(78, 0) NOT NULL,
	"count" numeric(78, 0) NOT NULL,
	"root" text NOT NULL,
	"time" bigint NOT NULL,
	"transaction" text NOT NULL,
	CONSTRAINT "anchor_block_log_index_pk" PRIMARY KEY("block","log_index")
);
--> statement-breakpoint
CREATE TABLE "channel" (
	"id" text PRIMARY KEY NOT NULL,
	"payer" text NOT NULL,
	"payer_authorizer" text NOT NULL,
	"receiver" text NOT NULL,
	"receiver_authorizer" text NOT NULL,
	"token" text NOT NULL,
	"withdraw_delay" bigint NOT NULL,
	"salt" text NOT NULL,
	"drawn" numeric(78, 0) NOT NULL,
	"filled" numeric(78, 0) NOT NULL,
	"claimed" numeric(78, 0) NOT NULL,
	"fee" numeric(78, 0) NOT NULL,
	"returned" numeric(78, 0) NOT NULL,
	"drawn_back" numeric(78, 0) NOT NULL,
	"leaving" numeric(78, 0) NOT NULL,
	"leaves_at" bigint NOT NULL,
	"opened_at" bigint NOT NULL,
	"opened_block" bigint NOT NULL,
	"opened_log_index" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "offer" (
	"id" text PRIMARY KEY NOT NULL,
	"lease" text NOT NULL,
	"model" text NOT NULL,
	"options" text NOT NULL,
	"token" text NOT NULL,
	"payee" text NOT NULL,
	"input" numeric(78, 0) NOT NULL,
	"cached" numeric(78, 0) NOT NULL,
	"output" numeric(78, 0) NOT NULL,
	"offered_at" bigint NOT NULL,
	"ended_at" bigint,
	"offered_block" bigint NOT NULL,
	"offered_log_index" integer NOT NULL,
	"transaction" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "purse" (
	"key" text PRIMARY KEY NOT NULL,
	"payer" text NOT NULL,
	"token" text NOT NULL,
	"filled" numeric(78, 0) NOT NULL,
	"emptied" numeric(78, 0) NOT NULL,
	"leaving" numeric(78, 0) NOT NULL,
	"leaves_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_key" (
	"key" text PRIMARY KEY NOT NULL,
	"payer" text NOT NULL,
	"token" text NOT NULL,
	"cap" numeric(78, 0) NOT NULL,
	"until" bigint NOT NULL
);
--> statement-breakpoint
CREATE INDEX "anchor_lease" ON "anchor" USING btree ("lease","block","log_index");--> statement-breakpoint
CREATE INDEX "channel_payer" ON "channel" USING btree ("payer","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "channel_authorizer" ON "channel" USING btree ("payer_authorizer","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "channel_receiver" ON "channel" USING btree ("receiver","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "channel_order" ON "channel" USING btree ("opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "offer_model" ON "offer" USING btree ("model","offered_block","offered_log_index");--> statement-breakpoint
CREATE INDEX "offer_lease" ON "offer" USING btree ("lease","offered_block","offered_log_index");--> statement-breakpoint
CREATE INDEX "offer_order" ON "offer" USING btree ("offered_block","offered_log_index");--> statement-breakpoint
CREATE INDEX "purse_payer" ON "purse" USING btree ("payer");--> statement-breakpoint
CREATE INDEX "session_key_payer" ON "session_key" USING btree ("payer");