package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"rapport/shared/topology"
)

// storage is what outlives the stack.
type storage struct {
	table   awsdynamodb.ITableV2
	archive awss3.IBucket
}

// lane is a queue and its dead letters; dead is nil for the last stop of all.
type lane struct {
	queue, dead awssqs.Queue
	of          topology.Queue
}

const (
	receives = 6  // how often a message is handed out before it is a dead letter; throttling counts, so more than 5
	recovery = 7  // days that the table can be wound back
	letters  = 14 // days that dead letters are kept, the most there is
)

// keys makes the stack's key, or takes the customer's.
func (s *Stack) keys() {
	switch s.Settings.Key {
	case "":
	case "new":
		s.key = awskms.NewKey(s.Stack, jsii.String("Key"), &awskms.KeyProps{Description: jsii.String("what Rapport keeps: table, archive, queues"),
			EnableKeyRotation: jsii.Bool(true), RemovalPolicy: s.keep(), Alias: jsii.String("alias/" + s.Settings.Stack)})
		s.out("KeyArn", "key of table, archive and queues", s.key.KeyArn())
	default:
		s.key = awskms.Key_FromKeyArn(s.Stack, jsii.String("Key"), jsii.String(s.Settings.Key))
	}
}

// storage makes table and archive. Their names are made by CloudFormation, so that a stack of the same name can be made
// again beside what an earlier one left.
func (s *Stack) storage() {
	table := &awsdynamodb.TablePropsV2{
		PartitionKey: &awsdynamodb.Attribute{Name: jsii.String("part"), Type: awsdynamodb.AttributeType_STRING},
		SortKey:      &awsdynamodb.Attribute{Name: jsii.String("sort"), Type: awsdynamodb.AttributeType_STRING},
		Billing:      awsdynamodb.Billing_OnDemand(nil), TimeToLiveAttribute: jsii.String("x"),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true), RecoveryPeriodInDays: jsii.Number(recovery)},
		DeletionProtection: jsii.Bool(!s.Settings.Disposal), RemovalPolicy: s.keep(),
	}
	bucket := &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(), EnforceSSL: jsii.Bool(true), Versioned: jsii.Bool(false), // what is erased is gone
		ObjectOwnership: awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED, Encryption: awss3.BucketEncryption_S3_MANAGED, RemovalPolicy: s.keep(),
		LifecycleRules: &[]*awss3.LifecycleRule{{Id: jsii.String("end"), Expiration: days(s.Settings.KeepDays), AbortIncompleteMultipartUploadAfter: days(1)}},
	}
	if s.key != nil {
		table.Encryption = awsdynamodb.TableEncryptionV2_CustomerManagedKey(s.key, nil)
		bucket.Encryption, bucket.EncryptionKey, bucket.BucketKeyEnabled = awss3.BucketEncryption_KMS, s.key, jsii.Bool(true)
	}
	if name := s.Settings.Table; name != "" {
		s.store.table = awsdynamodb.TableV2_FromTableName(s.Stack, jsii.String("Table"), jsii.String(name))
	} else {
		s.store.table = awsdynamodb.NewTableV2(s.Stack, jsii.String("Table"), table)
	}
	if name := s.Settings.Bucket; name != "" {
		s.store.archive = awss3.Bucket_FromBucketName(s.Stack, jsii.String("Archive"), jsii.String(name))
	} else {
		s.store.archive = awss3.NewBucket(s.Stack, jsii.String("Archive"), bucket)
		s.explain(s.store.archive, "AwsSolutions-S1", "Access is told by CloudTrail data events where the account wants them; access logs would keep who read what about whom, without anybody's erasure reaching them.")
	}
	s.out("TableName", "table of everything but raw bodies", s.store.table.TableName())
	s.out("ArchiveName", "bucket of raw bodies, inputs and decisions", s.store.archive.BucketName())
}

// queue makes a lane and its dead letters.
func (s *Stack) queue(q topology.Queue) lane {
	dead := s.letters(topology.DeadName("", q.Name))
	props := s.queueProps(topology.QueueName("", q.Name))
	props.VisibilityTimeout = awscdk.Duration_Seconds(jsii.Number(q.Visibility.Seconds()))
	props.DeadLetterQueue = &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(receives)}
	return lane{awssqs.NewQueue(s.Stack, id(q.Name, "queue"), props), dead, q}
}

// strays makes the queue of schedule calls that never reached their function.
func (s *Stack) strays() lane { return lane{queue: s.letters("schedule-dead")} }

func (s *Stack) letters(name string) awssqs.Queue {
	q := awssqs.NewQueue(s.Stack, id(name, "queue"), s.queueProps(name))
	s.explain(q, "AwsSolutions-SQS3", "It is itself the queue of dead letters.")
	return q
}

func (s *Stack) queueProps(name string) *awssqs.QueueProps {
	props := &awssqs.QueueProps{QueueName: s.name(name), RetentionPeriod: days(letters), EnforceSSL: jsii.Bool(true), Encryption: awssqs.QueueEncryption_SQS_MANAGED}
	if s.key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, s.key
		props.DataKeyReuse = awscdk.Duration_Hours(jsii.Number(1))
	}
	return props
}

func days(n int) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }
