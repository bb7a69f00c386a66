CREATE TABLE "governance" (
	"block" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"contract" text NOT NULL,
	"name" text NOT NULL,
	"args" jsonb NOT NULL,
	"time" bigint NOT NULL,
	"transaction" text NOT NULL,
	CONSTRAINT "governance_block_log_index_pk" PRIMARY KEY("block","log_index")
);
