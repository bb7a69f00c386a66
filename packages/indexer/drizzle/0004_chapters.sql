-- Rows of before don't say whose event they are. The index is filled anew from the chain.
TRUNCATE "event";--> statement-breakpoint
CREATE TABLE "subject" (
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	CONSTRAINT "subject_kind_id_block_log_index_pk" PRIMARY KEY("kind","id","block","log_index")
);
--> statement-breakpoint
DROP INDEX "event_lease";--> statement-breakpoint
DROP INDEX "event_worker";--> statement-breakpoint
DROP INDEX "event_pool";--> statement-breakpoint
ALTER TABLE "event" ADD COLUMN "contract" text NOT NULL;--> statement-breakpoint
CREATE INDEX "subject_block" ON "subject" USING brin ("block");--> statement-breakpoint
CREATE INDEX "event_name" ON "event" USING btree ("name","block","log_index");--> statement-breakpoint
ALTER TABLE "event" DROP COLUMN "lease";--> statement-breakpoint
ALTER TABLE "event" DROP COLUMN "worker";--> statement-breakpoint
ALTER TABLE "event" DROP COLUMN "pool";
