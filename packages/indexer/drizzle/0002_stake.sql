CREATE TABLE "delegation" (
	"key" text PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"account" text NOT NULL,
	"shares" numeric(78, 0) NOT NULL,
	"delegated" numeric(78, 0) NOT NULL,
	"claimed" numeric(78, 0) NOT NULL,
	"since" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "epoch_weight" (
	"key" text PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"epoch" integer NOT NULL,
	"weight" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pool" (
	"provider" text PRIMARY KEY NOT NULL,
	"assets" numeric(78, 0) NOT NULL,
	"shares" numeric(78, 0) NOT NULL,
	"exit_assets" numeric(78, 0) NOT NULL,
	"exit_shares" numeric(78, 0) NOT NULL,
	"locked" numeric(78, 0) NOT NULL,
	"commission_bps" integer NOT NULL,
	"next_commission_bps" integer,
	"next_commission_from" bigint,
	"per_share" numeric(78, 0) NOT NULL,
	"rewarded" numeric(78, 0) NOT NULL,
	"kept" numeric(78, 0) NOT NULL,
	"slashed" numeric(78, 0) NOT NULL,
	"since" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reward" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"provider" text NOT NULL,
	"account" text NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"time" bigint NOT NULL,
	"transaction" text NOT NULL,
	CONSTRAINT "reward_block_log_index_pk" PRIMARY KEY("block","log_index")
);
--> statement-breakpoint
CREATE TABLE "settlement" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"provider" text NOT NULL,
	"per_share" numeric(78, 0) NOT NULL,
	"time" bigint NOT NULL,
	CONSTRAINT "settlement_block_log_index_pk" PRIMARY KEY("block","log_index")
);
--> statement-breakpoint
CREATE TABLE "slash" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"provider" text NOT NULL,
	"active" numeric(78, 0) NOT NULL,
	"exiting" numeric(78, 0) NOT NULL,
	"reporter" text,
	"reward" numeric(78, 0) NOT NULL,
	"reason" text NOT NULL,
	"offence" text,
	"time" bigint NOT NULL,
	"transaction" text NOT NULL,
	CONSTRAINT "slash_block_log_index_pk" PRIMARY KEY("block","log_index")
);
--> statement-breakpoint
CREATE TABLE "stake_exit" (
	"id" text PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"account" text NOT NULL,
	"amount" numeric(78, 0) NOT NULL,
	"exit_shares" numeric(78, 0) NOT NULL,
	"ready_at" bigint NOT NULL,
	"state" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "event" ADD COLUMN "pool" text;--> statement-breakpoint
CREATE INDEX "delegation_provider" ON "delegation" USING btree ("provider");--> statement-breakpoint
CREATE INDEX "delegation_account" ON "delegation" USING btree ("account");--> statement-breakpoint
CREATE INDEX "epoch_weight_epoch" ON "epoch_weight" USING btree ("epoch");--> statement-breakpoint
CREATE INDEX "epoch_weight_provider" ON "epoch_weight" USING btree ("provider");--> statement-breakpoint
CREATE INDEX "reward_account" ON "reward" USING btree ("account");--> statement-breakpoint
CREATE INDEX "reward_provider" ON "reward" USING btree ("provider");--> statement-breakpoint
CREATE INDEX "settlement_provider" ON "settlement" USING btree ("provider","time");--> statement-breakpoint
CREATE INDEX "slash_provider" ON "slash" USING btree ("provider");--> statement-breakpoint
CREATE INDEX "stake_exit_provider" ON "stake_exit" USING btree ("provider");--> statement-breakpoint
CREATE INDEX "stake_exit_account" ON "stake_exit" USING btree ("account");--> statement-breakpoint
CREATE INDEX "event_pool" ON "event" USING btree ("pool");