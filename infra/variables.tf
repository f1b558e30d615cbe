variable "project" {
  description = "Id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is the id of a project, such as my-project-123, not its name or number."
  }
}

variable "region" {
  description = "Region of functions, topics and buckets."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]$", var.region))
    error_message = "region is one region, such as us-central1. A multi-region has no functions."
  }
}

variable "name" {
  description = "First part of all names, so that several deployments fit in one project."
  type        = string
  default     = "proofsheet"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{3,17}[a-z0-9]$", var.name))
    error_message = "name has 5 to 19 lower-case letters, digits and hyphens: a service account's name is made of it and may have 30."
  }
}

variable "inbox_bucket" {
  description = "Name of the bucket that pictures are dropped into; <project>-<name>-inbox if not given."
  type        = string
  default     = null
}

variable "output_bucket" {
  description = "Name of the bucket that results go to; <project>-<name>-output if not given."
  type        = string
  default     = null

  validation {
    condition = (
      coalesce(var.output_bucket, "${var.project}-${var.name}-output")
      != coalesce(var.inbox_bucket, "${var.project}-${var.name}-inbox")
    )
    error_message = "output_bucket and inbox_bucket are the same: every result would start work on itself."
  }
}

variable "source_buckets" {
  description = "Further buckets whose pictures the API may work on. They are only read."
  type        = set(string)
  default     = []

  validation {
    condition     = !contains(var.source_buckets, coalesce(var.output_bucket, "${var.project}-${var.name}-output"))
    error_message = "source_buckets holds the output bucket: results would be taken for pictures to work on."
  }
}

variable "inbox_days" {
  description = "Days after which a dropped picture is deleted. A batch reads it until then; nothing can be taken again afterwards."
  type        = number
  default     = 30

  validation {
    condition     = var.inbox_days >= 2 && floor(var.inbox_days) == var.inbox_days
    error_message = "inbox_days is a whole number from 2 on: a batch may take a day."
  }
}

variable "keep_data" {
  description = "Whether `terraform destroy` refuses to delete buckets with content and the database. Set to false only to tear all down."
  type        = bool
  default     = true
}

variable "firestore_database" {
  description = "Id of the Firestore database. Rights cannot be given for less than a database, so it holds nothing else."
  type        = string
  default     = "proofsheet"

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{2,61}[a-z0-9]|\\(default\\))$", var.firestore_database))
    error_message = "firestore_database has 4 to 63 lower-case letters, digits and hyphens, or is (default)."
  }
}

variable "firestore_location" {
  description = "Where the database is: a region or nam5, eur3; the region if not given. It can never be moved."
  type        = string
  default     = null
}

variable "vertex_location" {
  description = "Location that Gemini on Vertex AI is asked at. The newest models answer at global alone."
  type        = string
  default     = "global"
}

variable "gemini_api_key_secret" {
  description = "Name of a Secret Manager secret with a Gemini API key. Without it, models are called on Vertex AI as the function's own identity, with no key."
  type        = string
  default     = null
}

variable "api_token_secret" {
  description = "Name of a Secret Manager secret with a token that the API asks for, beside IAM. Without it, IAM alone guards the API."
  type        = string
  default     = null
}

variable "invokers" {
  description = "Who may call the API and see the dashboard, such as user:ada@example.com or group:studio@example.com. Nobody by default."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.invokers : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):.+$", member))])
    error_message = "invokers are members such as user:ada@example.com; allUsers and allAuthenticatedUsers are refused, since anybody could spend your money."
  }
}

variable "models" {
  description = "Model ids that replace the defaults of the recipes."
  type = object({
    text      = optional(string)
    image     = optional(string)
    judge     = optional(string)
    embedding = optional(string)
  })
  default = {}
}

variable "judge" {
  description = "How pictures are judged: rubric or gecko_text2image_v1; the recipe's default if not given."
  type        = string
  default     = null

  validation {
    condition     = var.judge == null || contains(["rubric", "gecko_text2image_v1"], coalesce(var.judge, "rubric"))
    error_message = "judge is rubric or gecko_text2image_v1."
  }

  validation {
    condition     = var.judge != "gecko_text2image_v1" || var.gemini_api_key_secret == null
    error_message = "The judge gecko_text2image_v1 is a service of Vertex AI, which takes no API key: leave gemini_api_key_secret out."
  }
}

variable "max_running_batches" {
  description = "Batches that may run at once; the API refuses one more with 409."
  type        = number
  default     = 1

  validation {
    condition     = var.max_running_batches >= 1 && floor(var.max_running_batches) == var.max_running_batches
    error_message = "max_running_batches is a whole number from 1 on."
  }
}

variable "max_batch_days" {
  description = "Days after which an unfinished batch is cancelled; resuming it gives it as many again."
  type        = number
  default     = 7

  validation {
    condition     = var.max_batch_days >= 1 && var.max_batch_days <= 365 && floor(var.max_batch_days) == var.max_batch_days
    error_message = "max_batch_days is a whole number from 1 to 365."
  }
}

variable "daily_spend_limit" {
  description = "Dollars that all batches together spend in a day (UTC), at most; null: any amount."
  type        = number
  default     = null

  validation {
    condition     = var.daily_spend_limit == null || try(var.daily_spend_limit >= 0, false)
    error_message = "daily_spend_limit is a number of dollars."
  }
}

variable "drop_quiet_seconds" {
  description = "A drop without a number of pictures and without _READY is complete when nothing has arrived for this long."
  type        = number
  default     = 120

  validation {
    condition     = var.drop_quiet_seconds >= 1 && var.drop_quiet_seconds <= 86400 && floor(var.drop_quiet_seconds) == var.drop_quiet_seconds
    error_message = "drop_quiet_seconds is a whole number from 1 to 86400."
  }
}

variable "items_at_once" {
  description = "Items in work at once: instances, and items of each. Together about the model's requests per minute / 60 x seconds of a call."
  type = object({
    instances    = number
    per_instance = number
  })
  default = { instances = 10, per_instance = 8 }

  validation {
    condition     = var.items_at_once.instances >= 1 && var.items_at_once.instances <= 1000 && var.items_at_once.per_instance >= 1 && var.items_at_once.per_instance <= 40
    error_message = "items_at_once has 1 to 1,000 instances with 1 to 40 items each: more do not fit in the memory of an instance."
  }
}

variable "notification_channels" {
  description = "Monitoring channels that are told of trouble, as projects/<project>/notificationChannels/<number>. Without one there are no alerts."
  type        = set(string)
  default     = []
}

variable "alert_after_minutes" {
  description = "Age of the oldest message, in minutes, from which on a queue is taken for stuck."
  type        = number
  default     = 360

  validation {
    condition     = var.alert_after_minutes >= 20
    error_message = "alert_after_minutes is 20 or more: a message that is given back waits up to 10 minutes."
  }
}
