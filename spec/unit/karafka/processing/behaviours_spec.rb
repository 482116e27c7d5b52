# frozen_string_literal: true

RSpec.describe Karafka::Processing::Behaviours do
  let(:batch) { batch_of("a", "b", "c", first_offset: 10) }

  def consume(run)
    run.call(run.lease(batch: batch))
  end

  describe described_class::Offsets do
    it "commits what was marked, with and without waiting" do
      answers = []
      run = run_of { answers << commit_offsets << commit_offsets! << commit_offsets(async: false) }
      consume(run)

      expect(answers).to eq([true, true, true])
      expect(run.partition.calls).to eq([[:commit], [:commit!], [:commit!]])
    end

    it "commits nothing of a partition that is gone" do
      answers = []
      run = run_of { answers << commit_offsets << commit_offsets! }
      run.partition.lost = true
      consume(run)

      expect([answers, run.partition.calls]).to eq([[false, false], []])
    end
  end

  describe described_class::Pauses do
    it "pauses at an offset, and says so" do
      run = run_of { pause(11, 500) }

      expect(consume(run)).to eq([:succeed])
      expect(run.partition.calls).to eq([[:pause, 11, 500]])
      expect(run.event("consumer.consuming.pause").payload).to include(
        caller: run.consumer, manual: true, topic: "orders", partition: 0, offset: 11, timeout: 500, attempt: 1,
        subscription_group: run.topic.subscription_group
      )
    end

    it "pauses behind what was delivered" do
      run = run_of { pause(:consecutive, 500) }
      consume(run)

      expect(run.partition.calls).to eq([[:pause, nil, 500]])
      expect(run.event("consumer.consuming.pause")[:offset]).to be_nil
    end

    it "pauses for as long as an error of this attempt would without a time" do
      run = run_of { pause(11) }
      [1, 2, 9].each do |attempt|
        run.partition.attempt = attempt
        consume(run)
      end

      expect(run.partition.calls.map(&:last)).to eq([2_000, 4_000, 30_000])
    end

    it "pauses the same each time where the backoff does not grow" do
      run = run_of { pause(11) }
      Karafka::App.config.pause.with_exponential_backoff = false
      run.partition.attempt = 4
      consume(run)

      expect(run.partition.calls).to eq([[:pause, 11, 1_000]])
    end

    it "resumes" do
      run = run_of { resume }
      consume(run)

      expect(run.partition.calls).to eq([[:resume]])
    end

    it "are private" do
      run = run_of { nil }
      consume(run)

      %i[pause resume seek revoked? attempt retrying? used?].each do |name|
        expect { run.consumer.public_send(name) }.to raise_error(NoMethodError)
      end
    end

    it "of a retry are told before it" do
      run = run_of { raise "no" }
      run.partition.seek_offset = 10
      consume(run)
      told = run.events.select { |event| event.id.start_with?("consumer.consuming") }

      expect(told.map(&:id)).to eq(%w[consumer.consuming.pause consumer.consuming.retry])
      expect(told.first.payload).to include(manual: false, offset: 10, timeout: 2_000, attempt: 1)
    end
  end

  describe described_class::Seeks do
    it "goes to an offset, and forgets what was marked" do
      run = run_of { seek(3) }
      run.partition.seek_offset = 10

      expect(consume(run)).to eq([:succeed])
      expect([run.partition.calls, run.partition.seek_offset]).to eq([[[:seek, 3]], nil])
      expect(run.event("consumer.consuming.seek").payload).to include(
        caller: run.consumer, topic: "orders", partition: 0, manual_seek: true, reset_offset: true,
        message: Karafka::Messages::Seek.new("orders", 0, 3), time: be_a(Float)
      )
    end

    it "remembers what was marked when asked to" do
      run = run_of { seek(3, false, reset_offset: false) }
      run.partition.seek_offset = 10
      consume(run)

      expect(run.partition.seek_offset).to eq(10)
      expect(run.event("consumer.consuming.seek").payload).to include(manual_seek: false, reset_offset: false)
    end

    it "goes to the ends" do
      run = run_of { [:earliest, "earliest", :latest, "latest"].each { |place| seek(place) } }
      consume(run)

      expect(run.partition.calls.map(&:last)).to eq([-2, -2, -1, -1])
    end

    it "goes to a time" do
      run = run_of { seek(Time.at(1_700_000_000, 250, :millisecond)) }
      run.partition.offsets_of_times[1_700_000_000_250] = 7
      consume(run)

      expect(run.partition.calls).to eq([[:seek, 7]])
      expect(run.event("consumer.consuming.seek")[:message].offset).to eq(7)
    end

    it "raises for a time that has no message, and stays" do
      run = run_of { seek(Time.at(1)) }
      run.partition.seek_offset = 10

      expect(consume(run)).to eq([:fail])
      expect(run.errors.map { |event| event[:error] }).to match([be_a(Karafka::Errors::InvalidTimeBasedOffsetError)])
      expect([run.partition.calls, run.partition.seek_offset]).to eq([[], 10])
    end

    it "raises for what is no place" do
      run = run_of { seek(:middle) }
      consume(run)

      expect(run.errors.first[:error]).to be_a(ArgumentError).and(have_attributes(message: /:middle/))
    end

    it "answers false for a partition that is gone, and forgets nothing" do
      answers = []
      run = run_of { answers << seek(3) }
      run.partition.seek_offset = 10
      run.partition.lost = true
      consume(run)

      expect([answers, run.partition.seek_offset]).to eq([[false], 10])
    end
  end

  describe described_class::DeadLetters do
    def failing_run(manual: false, **options, &consume)
      consume ||= proc { raise "no" }
      routed = proc do
        manual_offset_management manual
        dead_letter_queue(topic: "dead", max_retries: 1, **options)
      end
      run_of(routed, &consume).tap do |run|
        run.partition.seek_offset = 11
        run.partition.attempt = 2
      end
    end

    def dispatched
      @dispatched ||= []
    end

    before do
      sent = dispatched
      allow_any_instance_of(WaterDrop::Producer).to receive(:produce_async) { |_, message| sent << [:async, message] }
      allow_any_instance_of(WaterDrop::Producer).to receive(:produce_sync) { |_, message| sent << [:sync, message] }
    end

    it "retries as often as told" do
      run = failing_run
      run.partition.attempt = 1

      expect([consume(run), dispatched]).to eq([[:fail], []])
    end

    it "goes on behind the message where a seek had it forgotten what was consumed" do
      run = failing_run do
        coordinator.forget_seek_offset
        raise "no"
      end

      expect(consume(run)).to eq([[:dead_letter, 11]])
      expect(dispatched).to eq([[:async, { topic: "dead", payload: "a" }]])
    end

    it "dispatches the payload of the first message that is not marked, marks it and goes on behind it" do
      run = failing_run

      expect(consume(run)).to eq([[:dead_letter, 12]])
      expect(dispatched).to eq([[:async, { topic: "dead", payload: "b" }]])
      expect(run.partition.marks).to eq([11])
      expect(run.event("dead_letter_queue.dispatched").payload)
        .to match(caller: run.consumer, message: have_attributes(offset: 11))
      expect(run.event("consumer.consuming.pause").payload).to include(manual: false, offset: 12, timeout: 1_000)
      expect(run.event("consumer.consuming.retry")).to be_nil
    end

    it "takes the one behind what is marked for the first that is not, where offsets have gaps" do
      run = failing_run
      run.partition.seek_offset = 2
      consume(run)

      expect(dispatched.first.last[:payload]).to eq("a")
    end

    it "dispatches the first message where all are marked, and consumes none once more" do
      run = failing_run
      run.partition.seek_offset = 20

      expect(consume(run)).to eq([[:dead_letter, 20]])
      expect(dispatched.first.last[:payload]).to eq("a")
      expect(run.partition.marks).to be_empty
    end

    it "dispatches at once without retries" do
      run = failing_run(max_retries: 0)
      run.partition.attempt = 1
      consume(run)

      expect(dispatched.size).to eq(1)
    end

    it "dispatches and marks by the methods it is told" do
      run = failing_run(dispatch_method: :produce_sync, marking_method: :mark_as_consumed!)
      allow(run.partition).to receive(:mark!).and_call_original
      consume(run)

      expect(dispatched.first.first).to eq(:sync)
      expect(run.partition).to have_received(:mark!).with(have_attributes(offset: 11))
    end

    it "does not mark with manual offsets, or when told not to" do
      [{ manual: true }, { mark_after_dispatch: false }].each do |options|
        run = failing_run(**options)
        expect(consume(run)).to eq([[:dead_letter, 12]])
        expect(run.partition.marks).to be_empty
        expect(run.partition.seek_offset).to eq(12)
      end
    end

    it "marks with manual offsets when told to" do
      run = failing_run(manual: true, mark_after_dispatch: true)
      consume(run)

      expect(run.partition.marks).to eq([11])
    end

    it "retries, and reports, when it can't dispatch" do
      run = failing_run
      allow_any_instance_of(WaterDrop::Producer).to receive(:produce_async).and_raise(IOError)

      expect(consume(run)).to eq([:fail])
      expect(run.errors.map { |event| event[:type] })
        .to eq(%w[consumer.consume.error consumer.after_consume.error])
      expect(run.errors.last[:seek_offset]).to eq(11)
      expect(run.event("consumer.consuming.retry")).not_to be_nil
      expect(run.partition.marks).to be_empty
    end

    it "leaves the next message all of its tries, though the mark fails" do
      run = failing_run(marking_method: :mark_as_consumed!)
      allow(run.partition).to receive(:mark!).and_raise(IOError)
      consume(run)

      expect(dispatched.size).to eq(1)
      expect(run.partition.attempt).to eq(1)
    end

    it "gives up no message because the process is told to end" do
      allow(Karafka::Server).to receive(:stop)
      [SystemExit, Interrupt, NoMemoryError].each do |error|
        expect(consume(failing_run { raise error })).to eq([:fail])
      end
      expect(dispatched).to be_empty
      Thread.list.select { |thread| thread.name == "karafka.critical_shutdown" }.each(&:join)
    end

    it "leaves the message of a partition that is gone to its next owner" do
      run = failing_run
      run.partition.lost = true

      expect([consume(run), dispatched]).to eq([[:fail], []])
      expect(run.event("consumer.consuming.pause")).to be_nil
    end

    it "can be asked to dispatch, with the application's own producer" do
      producer = instance_double(WaterDrop::Producer, produce_async: nil)
      run = run_of(proc { dead_letter_queue(topic: "dead") }, producer: proc { producer }) do
        dispatch_to_dlq(messages.last)
      end

      expect(consume(run)).to eq([:succeed])
      expect(producer).to have_received(:produce_async).with(topic: "dead", payload: "c")
      expect(run.event("dead_letter_queue.dispatched")[:message].offset).to eq(12)
    end

    it "is only there with a dead letter queue" do
      run = run_of { dispatch_to_dlq(messages.first) }
      consume(run)

      expect(run.errors.first[:error]).to be_a(NameError)
    end
  end

  describe described_class::IndependentDeadLetters do
    def marking_run(options)
      run_of(proc { dead_letter_queue(topic: "dead", **options) }) { mark_as_consumed(messages.first) }
    end

    it "has the count begin anew with each message that is marked in a retry" do
      run = marking_run(independent: true)
      run.partition.attempt = 3
      consume(run)

      expect(run.partition.attempt).to eq(1)
    end

    it "does not for a partition that is gone, nor when it is not asked for" do
      [[true, true], [false, false]].each do |independent, gone|
        run = marking_run(independent: independent)
        run.partition.lost = gone
        run.partition.attempt = 3
        consume(run)
        expect(run.partition.attempt).to eq(3)
      end
    end
  end

  describe described_class::Insights do
    let(:insights) { [] }

    def tell(lag, topic: "orders")
      Karafka.monitor.instrument(
        "statistics.emitted", subscription_group_id: Karafka::App.routes.first.subscription_groups.first.id,
                              statistics: { "topics" => { topic => { "partitions" => { "0" => { "lag" => lag } } } } }
      )
    end

    def insightful_run
      seen = insights
      run_of(proc { inline_insights true }) { seen << insights << insights? }
        .tap { |run| Karafka::Instrumentation::InsightsTracker.watch([run.topic]) }
    end

    it "are the partition's last statistics" do
      run = insightful_run
      consume(run)
      tell(7)
      consume(run)

      expect(insights).to eq([{}, false, { "lag" => 7 }, true])
      expect(run.consumer.statistics).to equal(run.consumer.inline_insights)
      expect([run.consumer.statistics?, run.consumer.inline_insights?]).to eq([true, true])
    end

    it "stay when the next statistics leave the partition out" do
      run = insightful_run
      tell(7)
      consume(run)
      tell(1, topic: "others")
      consume(run)

      expect(insights.last(2)).to eq([{ "lag" => 7 }, true])
    end

    it "are gone with the engine" do
      run = insightful_run
      tell(7)
      Karafka::Instrumentation::InsightsTracker.watch([run.topic])
      consume(run)

      expect(insights).to eq([{}, false])
    end

    it "cost nothing where nobody asked for them" do
      run = run_of { insights }
      Karafka::Instrumentation::InsightsTracker.watch([run.topic])
      consume(run)

      expect(Karafka.monitor.listeners["statistics.emitted"]).to be_empty
      expect(run.errors.first[:error]).to be_a(NameError)
    end
  end

  describe "the end of a partition" do
    it "is told to a consumer, which is made if need be" do
      calls = []
      run = run_of(wrap: proc { |action, &work| (calls << action) && work.call },
                   eofed: proc { calls << [:eofed, eofed?, messages.size] }) { calls << :consume }

      expect(run.call(run.lease(:eofed))).to eq([:succeed])
      expect(calls).to eq([:eofed, [:eofed, true, 0]])
      expect(run.events.map(&:id)).to eq(
        %w[consumer.initialize consumer.initialized consumer.before_schedule_eofed consumer.wrap worker.process
           consumer.eof consumer.eofed worker.processed consumer.wrapped worker.completed]
      )
      expect(run.event("worker.process")[:job].class).to have_attributes(action: :eofed, name: end_with("::Eofed"))
    end

    it "is seen in the batch that ended there, and not in the next" do
      seen = []
      run = run_of { seen << eofed? }
      run.call(run.lease(batch: batch).tap { |lease| lease.eof = true })
      run.call(run.lease(batch: batch))

      expect(seen).to eq([true, false])
    end

    it "reports what eofed raises, and does not repeat it" do
      run = run_of(eofed: proc { raise "no" })
      run.partition.seek_offset = 4

      expect(run.call(run.lease(:eofed))).to eq([:succeed])
      expect(run.errors.map(&:payload)).to contain_exactly(
        include(type: "consumer.eofed.error", caller: run.consumer, seek_offset: 4)
      )
    end
  end

  describe "hooks" do
    it "may be overridden, and called on" do
      run = run_of(on_after_consume: proc { super() }, on_before_consume: proc { super() }) { raise "no" }

      expect(consume(run)).to eq([:fail])
      expect(run.errors.map { |event| event[:type] }).to eq(["consumer.consume.error"])
    end

    it "that raise after the work are reported, and the batch repeated" do
      run = run_of { raise "no" }
      Karafka.monitor.subscribe("consumer.consuming.pause") { raise "listener" }

      expect(consume(run)).to eq([:fail])
      expect(run.errors.map { |event| event[:type] }).to eq(%w[consumer.consume.error consumer.after_consume.error])
    end
  end

  it "hides no constant of the application inside of its consumers" do
    inherited = Karafka::BaseConsumer.constants - Karafka::Core::Taggable.constants

    expect(inherited).to be_empty
  end
end
