CREATE TABLE "fee_total" (
	"key" text PRIMARY KEY NOT NULL,
	"period" integer NOT NULL,
	"token" text NOT NULL,
	"amount" numeric NOT NULL
);
--> statement-breakpoint
DROP INDEX "payment_fee";--> statement-breakpoint
CREATE INDEX "payment_account_kind" ON "payment" USING btree ("account","kind","block","log_index","part");