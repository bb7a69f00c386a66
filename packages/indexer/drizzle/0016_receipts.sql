CREATE TABLE "kept_batch" (
	"lease" text NOT NULL,
	"era" numeric(78, 0) NOT NULL,
	"batch" numeric(78, 0) NOT NULL,
	"root" text NOT NULL,
	"kept" boolean NOT NULL,
	"tries" integer NOT NULL,
	"next_at" bigint NOT NULL,
	CONSTRAINT "kept_batch_lease_era_batch_root_pk" PRIMARY KEY("lease","era","batch","root")
);
--> statement-breakpoint
CREATE TABLE "kept_receipt" (
	"lease" text NOT NULL,
	"id" text NOT NULL,
	"era" numeric(78, 0) NOT NULL,
	"batch" numeric(78, 0) NOT NULL,
	"receipt" text NOT NULL,
	"kept_at" bigint NOT NULL,
	CONSTRAINT "kept_receipt_lease_id_pk" PRIMARY KEY("lease","id")
);
--> statement-breakpoint
CREATE INDEX "kept_receipt_id" ON "kept_receipt" USING btree ("id","kept_at");